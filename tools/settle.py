"""Last step of a set-up, in any kind of environment: ``python tools/settle.py``.

Run by tools/run.py for .venv, by postBuild on Binder, and by hand after ``conda env create``.
"""

import shutil
import sys
from pathlib import Path


def settle_jupyterlab() -> None:
    """Give this environment's JupyterLab the course's settings, as defaults that each user can still change.

    ``commsOverSubshells``: with subshells, a widget's callback may run on another thread with another event loop.
    ``fetchNews``: no question about news in front of the first lesson.
    ``defaultViewers``: the glossary opens as a page, not as its source.
    A file of its own in ``overrides.d`` replaces nobody else's ``overrides.json``.
    """
    folder = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.d")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("overrides.json"), folder / "asyncviz-course.json")


def warm_fonts() -> None:
    """Build Matplotlib's font cache now: later its remark on that would appear in the first cell's output."""
    import matplotlib.font_manager  # noqa: F401  (the import builds it)


if __name__ == "__main__":
    settle_jupyterlab()
    warm_fonts()
