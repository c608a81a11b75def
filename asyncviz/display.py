"""How recordings show in a notebook: a picture with alternative text, and the same text where there is no picture."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from . import narrative
from .trace import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

SHARP = 2  # pixels of the picture to one of the page


def bundle(trace: Trace) -> dict[str, str]:
    """The MIME bundle of a recording: text/html with the picture, and text/plain.

    Free of clock readings outside the picture, so that a notebook's outputs can be compared.
    """
    from . import timeline

    return _bundle(timeline.figure_of([trace], [None], None), narrative.alternative_text(trace))


def _bundle(figure: Figure, text: str) -> dict[str, str]:
    return {"text/html": f"<figure>{image(png(pixels(figure)), text)}</figure>", "text/plain": text}


def preformatted(text: str) -> str:
    """The HTML of text whose lines are kept, and broken between words: JupyterLab breaks a plain <pre> anywhere."""
    style = "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere"
    return f'<pre style="{style}">{html.escape(text)}</pre>'


def image(data: bytes, text: str) -> str:
    """The HTML of a PNG with alternative text. A picture is a card: round corners look meant on a dark page too."""
    alt = html.escape(" ".join(text.split()), quote=True)  # a newline would break Markdown-minded front ends
    width = int.from_bytes(data[16:20], "big") // SHARP
    source = f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
    return f'<img alt="{alt}" width="{width}" style="max-width:100%;border-radius:10px" src="{source}">'


def png(picture: Image.Image) -> bytes:
    """The file of a picture."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def pixels(figure: Figure) -> Image.Image:
    """The figure at twice the page's resolution and in 128 colours: a third of the size. Matplotlib brings Pillow."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    dpi = figure.dpi
    try:
        figure.set_dpi(100 * SHARP)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        full = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    finally:
        figure.set_dpi(dpi)
    reduced: Any = full.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # the fast way to reduce colours is off by one; the ground of a card must not be
    ground, colours = reduced.getpixel((0, 0)), reduced.getpalette()
    colours[3 * ground : 3 * ground + 3] = full.getpixel((0, 0))
    reduced.putpalette(colours)
    return cast("Image.Image", reduced)


class Comparison:
    """Several recordings on one time axis; on the last line of a cell the picture. `figure` is Matplotlib's."""

    def __init__(self, traces: Sequence[Trace], figure: Figure, speed: bool = True, alt: str = "") -> None:
        self.traces, self.figure, self.axes, self.savefig = tuple(traces), figure, figure.axes, figure.savefig
        self._speed, self._alt = speed, " ".join(alt.split())

    def __repr__(self) -> str:
        """What the picture says, without clock readings."""
        if self._alt:
            return self._alt
        first = self.traces[0].makespan
        faster = [first / t.makespan if t.makespan else 1.0 for t in self.traces]
        return narrative.comparison_text(self.traces, faster if self._speed else ())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return _bundle(self.figure, repr(self))
