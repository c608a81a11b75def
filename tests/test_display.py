"""How recordings show in notebooks: a picture with alternative text that nbval can compare."""

from __future__ import annotations

import base64
import html
import io
import re
from html.parser import HTMLParser

import matplotlib.colors
import numpy as np
import pytest
from PIL import Image

from asyncviz import display, narrative, palette, timeline
from asyncviz.trace import Span, StillRecording, Trace


def blocking(name: str = "blocking", seconds: float = 0.3) -> Trace:
    trace = Trace(name)
    trace.duration = 3 * seconds
    trace.spans = [Span(n, i * seconds, (i + 1) * seconds, "MainThread") for i, n in enumerate(("tea", "toast", "egg"))]
    return trace


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def picture(bundle: dict[str, str]) -> Image.Image:
    data = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", bundle["text/html"])
    assert data is not None
    return Image.open(io.BytesIO(base64.b64decode(data[1])))


def test_a_recording_shows_as_a_figure_with_alternative_text() -> None:
    trace = blocking()
    bundle = display.bundle(trace)
    assert sorted(bundle) == ["text/html", "text/plain"]
    tags = Tags(bundle["text/html"])
    assert [tag for tag, _ in tags.found] == ["figure", "img"]
    image = tags.found[1][1]
    assert image["alt"] == bundle["text/plain"] == narrative.alternative_text(trace)
    assert image["width"] == "900"
    assert picture(bundle).width == 1800
    assert tags.text == ""
    assert trace._repr_mimebundle_() == bundle


def test_outputs_of_two_runs_differ_in_the_picture_only() -> None:
    slow, fast = display.bundle(blocking(seconds=0.31)), display.bundle(blocking(seconds=0.29))
    assert slow["text/plain"] == fast["text/plain"]
    assert slow["text/html"] != fast["text/html"]
    strip = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")
    assert strip.sub("", slow["text/html"]) == strip.sub("", fast["text/html"])


def test_names_cannot_leave_the_attribute() -> None:
    evil = "\"><script>alert(1)</script>\n'&amp;"
    trace = blocking(evil)
    trace.spans = [Span(evil, 0.0, 1.0, evil)]
    page = display.bundle(trace)["text/html"]
    tags = Tags(page)
    assert [tag for tag, _ in tags.found] == ["figure", "img"]
    assert "<script" not in page
    assert "\n" not in page
    assert html.unescape(tags.found[1][1]["alt"] or "")


def test_the_picture_is_light_and_keeps_its_colours() -> None:
    bundle = display.bundle(blocking())
    image = picture(bundle)
    assert len(bundle["text/html"]) < 150_000
    pixels = np.asarray(image.convert("RGBA"))
    assert tuple(pixels[image.height // 2, 10]) == (255, 255, 255, 255)
    running = np.array(matplotlib.colors.to_rgb(palette.LIGHT.running)) * 255
    near = np.abs(pixels[..., :3].astype(float) - running).max(axis=-1) <= 6
    assert near.mean() > 0.02


def test_an_empty_recording_is_calm() -> None:
    bundle = display.bundle(Trace())
    assert picture(bundle).height < 400
    assert bundle["text/plain"]


def test_an_unfinished_recording_is_no_picture() -> None:
    trace = Trace.open("now")
    with pytest.raises(StillRecording):
        display.bundle(trace)


def test_a_comparison_shows_with_alternative_text() -> None:
    both = timeline.compare(blocking(), blocking("faster", 0.1))
    bundle = both._repr_mimebundle_()
    assert bundle["text/plain"] == repr(both)
    assert "faster is faster than blocking." in repr(both)
    assert Tags(bundle["text/html"]).found[1][1]["width"] == "900"
    assert both.figure.dpi == 100  # put back
    assert len(both.axes) == 2
    out = io.BytesIO()
    both.savefig(out, format="svg")
    assert out.getvalue().startswith(b"<?xml")


def test_a_comparison_says_what_it_is_told() -> None:
    both = timeline.compare(blocking(), blocking(), alt="Two \"equal\" runs.")
    bundle = both._repr_mimebundle_()
    assert bundle["text/plain"] == repr(both) == "Two \"equal\" runs."
    assert Tags(bundle["text/html"]).found[1][1]["alt"] == "Two \"equal\" runs."
