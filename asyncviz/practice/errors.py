"""Showing an error without stopping at it."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType


class shown:
    """`with shown():` shows an error of the block as the cell's own, and goes on.

    An error that ends a cell also ends a front end's *Run All* there, or makes it report too early that all is done.
    What is shown is the same. Only errors are: KeyboardInterrupt and SystemExit pass.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        if shell is None:
            traceback.print_exception(kind, error, tb)
        else:
            shell.showtraceback((kind, error, tb), tb_offset=0)
        return True
