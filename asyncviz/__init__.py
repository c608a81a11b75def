"""Records what an asyncio event loop really does, and draws it::

    import asyncviz as viz

    with viz.record("concurrent") as trace:
        ...
    trace                # in a notebook: the picture
    trace.diagnose()     # what went wrong, with lines

`python -m asyncviz app.py` does the same for a program that knows nothing of it.
Nothing here imports Matplotlib or IPython before it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .recorder import record, span
from .trace import Trace

if TYPE_CHECKING:
    from .formats import load
    from .magic import load_ipython_extension as load_ipython_extension
    from .magic import unload_ipython_extension as unload_ipython_extension
    from .simulate import busy, simulate
    from .timeline import compare

__version__ = "0.1.0"
__all__ = ["Trace", "busy", "compare", "load", "record", "simulate", "span"]

_LATER = {
    "busy": "simulate",
    "compare": "timeline",
    "load": "formats",
    "load_ipython_extension": "magic",
    "simulate": "simulate",
    "unload_ipython_extension": "magic",
}


def __getattr__(name: str) -> Any:
    """The names whose modules are imported when first used."""
    if name not in _LATER:
        hint = f"; a recording has it: trace.{name}" if not name.startswith("_") and hasattr(Trace, name) else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
