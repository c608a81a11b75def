"""For pytest (`-p tests.kernels`): how nbval starts the kernels of the notebooks.

Jupyter's client chooses free TCP ports and closes them again; the kernel opens them a second later. Two notebooks that
start at once can be given the same ports. Sockets in a folder of their own cannot be mixed up.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import warnings
from typing import Any

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager

ONCE_MORE = "a kernel did not start; another one was started in its place"


class OwnSockets(KernelManager):
    """A kernel manager whose kernel listens on files in `folder`, not on TCP ports."""

    folder: str
    numbers = itertools.count()

    def __init__(self, **more: Any) -> None:
        address = os.path.join(self.folder, str(next(self.numbers)))  # short: a socket's path has 103 bytes on macOS
        super().__init__(transport="ipc", ip=address, **more)


def start_or_again(start: Any) -> Any:
    """`start` of nbval; a kernel that has not answered by nbval's time limit is replaced, once, with a warning."""

    def start_new_kernel(*args: Any, **more: Any) -> Any:
        try:
            return start(*args, **more)
        except RuntimeError as error:  # nbval has ended it; no cell has run
            warnings.warn(f"{ONCE_MORE} ({error})", stacklevel=2)
            return start(*args, **more)

    return start_new_kernel


def pytest_configure(config: pytest.Config) -> None:
    """Each process of pytest keeps the sockets of its kernels in a folder, until it ends."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    patch.setattr(nbval.kernel, "start_new_kernel", start_or_again(nbval.kernel.start_new_kernel))
    if sys.platform != "win32":  # there, ZeroMQ cannot use files as sockets
        folder = tempfile.TemporaryDirectory(prefix="nb")
        config.add_cleanup(folder.cleanup)
        patch.setattr(OwnSockets, "folder", folder.name, raising=False)
        patch.setattr(nbval.kernel, "KernelManager", OwnSockets)
