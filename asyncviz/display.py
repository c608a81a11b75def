"""How recordings show in a notebook: a picture with alternative text, and the same text where there is no picture."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import narrative
from .trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARP = 2  # pixels of the picture to one of the page
ROUND = 10  # the radius of the card's corners, on the page


def bundle(trace: Trace) -> dict[str, str]:
    """The MIME bundle of a recording: text/html with the picture, and text/plain.

    Free of clock readings outside the picture, so that a notebook's outputs can be compared.
    """
    from . import timeline

    return _bundle(timeline.figure_of([trace], [None], None), narrative.alternative_text(trace))


def _bundle(figure: Figure, text: str) -> dict[str, str]:
    width = round(figure.get_figwidth() * 100)
    data = base64.b64encode(png(figure)).decode("ascii")
    # no newline in the text of an attribute, or Markdown-minded front ends break it
    alt = html.escape(" ".join(text.split()), quote=True)
    image = f'<img alt="{alt}" width="{width}" style="max-width:100%" src="data:image/png;base64,{data}">'
    return {"text/html": f"<figure>{image}</figure>", "text/plain": text}


def png(figure: Figure) -> bytes:
    """The figure as a PNG of twice the page's resolution.

    A notebook does not tell its theme, so the picture is an opaque card: with round corners it looks meant on a dark
    page too. Pillow, which Matplotlib brings along, cuts them and reduces the colours: a third of the size.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image, ImageDraw

    small, dpi = io.BytesIO(), figure.dpi
    try:
        figure.set_dpi(100 * SHARP)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).copy()
        corners = Image.new("L", image.size, 0)
        size = (0, 0, image.width - 1, image.height - 1)
        ImageDraw.Draw(corners).rounded_rectangle(size, ROUND * SHARP, fill=255)
        image.putalpha(corners)
        reduced: Any = image.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        # the fast way to reduce colours is off by one; the ground of a card must not be
        ground, colours = reduced.getpixel((image.width // 2, 1)), reduced.getpalette("RGBA")
        colours[4 * ground : 4 * ground + 4] = image.getpixel((image.width // 2, 1))
        reduced.putpalette(colours, "RGBA")
        reduced.save(small, "PNG")
    finally:
        figure.set_dpi(dpi)
    return small.getvalue()


class Comparison:
    """Several recordings on one time axis. On the last line of a cell it is the picture.

    `figure` and `axes` are matplotlib's; `savefig` is the figure's.
    """

    def __init__(self, traces: Sequence[Trace], figure: Figure) -> None:
        self.traces = tuple(traces)
        self.figure = figure

    @property
    def axes(self) -> list[Axes]:
        return list(self.figure.axes)

    def savefig(self, *args: Any, **options: Any) -> None:
        """Write the picture to a file: `matplotlib.figure.Figure.savefig`."""
        self.figure.savefig(*args, **options)

    def __repr__(self) -> str:
        """What the picture says, without clock readings."""
        first = self.traces[0].makespan
        return narrative.comparison_text(self.traces, [first / t.makespan if t.makespan else 1.0 for t in self.traces])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return _bundle(self.figure, repr(self))
