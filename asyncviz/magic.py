"""IPython: the `%%timeline` magic, and errors of task groups shown as errors.

`%%timeline` has to record cells with top-level `await`, which no cell magic can run. So it runs nothing: an input
transformer turns the cell's first line into the line magic `%timeline`, which starts the recording, and the cell runs
as it stands. Line numbers, `await`, variables, `Out` and errors are those of an ordinary cell. The recording ends with
the cell, and its picture is shown below everything else.
"""

from __future__ import annotations

import os
import shlex
import traceback
from typing import Any

import IPython
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.display import display

from . import narrative
from .recorder import record
from .trace import Trace

_IPYTHON = os.path.dirname(IPython.__file__) + os.sep


def _parser() -> MagicArgumentParser:
    parser = MagicArgumentParser(prog="%%timeline", add_help=False)  # type: ignore[no-untyped-call]
    parser.add_argument("name", nargs="*", help="what the recording is called")
    parser.add_argument("--title", help="of the picture; by default a conclusion drawn from the recording")
    parser.add_argument("--plain", action="store_true", help="the story in words instead of the picture")
    return parser


@magics_class
class TimelineMagics(Magics):  # type: ignore[misc, unused-ignore]
    """At most one cell is recorded at a time: the one that runs."""

    shell: Any
    recording: record | None = None
    trace: Trace | None = None
    options: Any = None
    cell: Any = None  # IPython's ExecutionResult of the recorded cell: tells it from cells run inside it

    @no_var_expand
    @line_cell_magic
    def timeline(self, line: str, cell: str | None = None) -> None:
        """Record this cell and show its timeline: `%%timeline [name] [--title "…"] [--plain]` on the first line.

        The recording is kept in the variable `_timeline`. As `%timeline` it records the rest of the cell.
        """
        if cell is not None:  # called by program, past the transformer
            self.shell.run_cell(f"%%timeline {line}\n{cell}")
            return
        self.options = _parser().parse_args(shlex.split(line))
        self.stop()  # twice in one cell: the second counts
        self.cell = self.shell.displayhook.exec_result
        self.recording = record(" ".join(self.options.name))
        self.trace = self.recording.__enter__()

    def stop(self) -> None:
        """End the recording, if there is one."""
        if self.recording is not None:
            self.recording.__exit__(None, None, None)
            self.recording = None

    def post_execute(self) -> None:
        if self.cell is self.shell.last_execution_result:
            self.stop()

    def post_run_cell(self, result: Any) -> None:
        if self.trace is None or result not in (None, self.cell):  # None: interrupted while awaiting
            return
        self.stop()
        trace, self.trace, self.cell = self.trace, None, None
        self.shell.user_ns["_timeline"] = trace
        if self.options.plain:
            print(trace.story())
        elif self.options.title is not None:
            from . import timeline
            from .display import _bundle

            figure = timeline.figure_of([trace], [self.options.title], None)
            display(_bundle(figure, narrative.alternative_text(trace)), raw=True)  # type: ignore[no-untyped-call]
        else:
            display(trace)  # type: ignore[no-untyped-call]


def first_line(lines: list[str]) -> list[str]:
    """The input transformer: `%%timeline …` → `%timeline …`."""
    if lines and lines[0].split(maxsplit=1)[:1] == ["%%timeline"]:
        return [lines[0].lstrip()[1:], *lines[1:]]
    return lines


def show_group(shell: Any, etype: Any, value: Any, tb: Any, tb_offset: Any = None) -> list[str]:
    """Show an exception group as the error it is: IPython prints it to stderr, and the front end learns of no error."""
    while tb is not None and tb.tb_next is not None and tb.tb_frame.f_code.co_filename.startswith(_IPYTHON):
        tb = tb.tb_next
    lines = "".join(traceback.format_exception(etype, value, tb)).splitlines()
    shell._showtraceback(etype, value, lines)
    return lines


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext asyncviz`."""
    if getattr(shell, "_asyncviz_undo", None) is not None:
        return
    magics = TimelineMagics(shell)
    shell.register_magics(magics)
    shell.input_transformers_cleanup.append(first_line)
    after = shell.events.callbacks["post_execute"]
    after.insert(0, magics.post_execute)  # before figures are drawn, which is no part of the cell
    shell.events.register("post_run_cell", magics.post_run_cell)
    before = shell.custom_exceptions, shell.CustomTB
    shell.set_custom_exc((*shell.custom_exceptions, BaseExceptionGroup), _choose(*before))

    def undo() -> None:
        magics.stop()
        after.remove(magics.post_execute)
        shell.events.unregister("post_run_cell", magics.post_run_cell)
        shell.input_transformers_cleanup.remove(first_line)
        for kind in ("line", "cell"):
            shell.magics_manager.magics[kind].pop("timeline", None)
        shell.custom_exceptions, shell.CustomTB = before

    shell._asyncviz_undo = undo


def _choose(known: tuple[type[BaseException], ...], handler: Any) -> Any:
    """A handler for groups that leaves to an earlier handler what that one was set for."""

    def handle(shell: Any, etype: Any, value: Any, tb: Any, tb_offset: Any = None) -> Any:
        if issubclass(etype, known):
            return handler(etype, value, tb, tb_offset=tb_offset)
        return show_group(shell, etype, value, tb, tb_offset)

    return handle


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext asyncviz`: everything as it was."""
    undo = getattr(shell, "_asyncviz_undo", None)
    if undo is not None:
        shell._asyncviz_undo = None
        undo()
