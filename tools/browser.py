"""Run every notebook in a real JupyterLab, in headless Chromium, light and dark: ``make browser``.

    make browser ARGS="03 06"              # some of them
    make browser ARGS="--theme dark 03"    # in one theme

nbval sends a kernel one cell at a time. Only *Run All* in JupyterLab shows cells that are lost on the way, and only a
browser shows what a reader sees. A notebook fails if a cell was lost or raised without its tag, if the page reported
an error, if a picture has no alternative text, if text runs out of its box, or if a heading skips a level. Each button
is clicked once, in order. A copy of the checkout is used: nothing in it changes.

Needs Chromium, Chrome or Edge; `CHROMIUM` names the program where it is not found.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from notebooks import ROOT, find

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
SECONDS = 180  # for one notebook
WIDTH, HEIGHT = 1280, 900
# Remarks of JupyterLab on itself: the restarted kernel's debugger, an icon.
NOT_OURS = ("Could not restore the debugger state", "Failed to load resource")

NOTEBOOK = "const w = window.jupyterapp && window.jupyterapp.shell.currentWidget;"
OPEN = f"() => {{ {NOTEBOOK} return w && w.sessionContext && w.context && w.context.isReady; }}"
RESTART = f"""async () => {{ {NOTEBOOK} await w.context.ready; await w.sessionContext.ready;
    const k = w.sessionContext.session.kernel; await k.info; await k.restart(); await k.info; }}"""
RUN = """async () => { const c = window.jupyterapp.commands; await c.execute('notebook:clear-all-cell-outputs');
    window.ran = false; c.execute('notebook:run-all-cells').finally(() => { window.ran = true; }); }"""
IDLE = f"() => {{ {NOTEBOOK} return window.ran && w.sessionContext.session.kernel.status === 'idle'; }}"
CELLS = f"""() => {{ {NOTEBOOK} return w.content.widgets.filter(c => c.model.type === 'code').map(c => ({{
    count: c.model.executionCount, empty: !c.model.sharedModel.getSource().trim(),
    tags: c.model.getMetadata('tags') || [],
    error: c.model.outputs.toJSON().filter(o => o.output_type === 'error').map(o => o.ename)[0] }})); }}"""
# With the side bars closed, as one reads. To a picture without a text JupyterLab gives the text Image.
LOOK = f"""() => {{ {NOTEBOOK} window.jupyterapp.shell.collapseLeft(); window.jupyterapp.shell.collapseRight();
    const all = s => [...w.content.node.querySelectorAll(s)];
    const words = e => e.textContent.replace('¶', '').trim().slice(0, 40);
    const levels = all('.jp-RenderedMarkdown').flatMap(e => [...e.querySelectorAll('h1,h2,h3,h4,h5,h6')]);
    const boxes = all('.jp-RenderedMarkdown, .jp-RenderedText, .jp-RenderedHTMLCommon, .jp-OutputArea-output');
    return {{
        pictures: all('.jp-Cell img').length,
        silent: all('.jp-Cell img').filter(i => ['', 'Image'].includes((i.alt || '').trim()))
            .map(i => i.src.slice(0, 60)),
        broken: all('.jp-Cell img').filter(i => i.complete && !i.naturalWidth).map(i => i.alt.slice(0, 40)),
        wide: boxes.filter(e => e.scrollWidth > e.clientWidth + 2).map(words),
        long: all('.jp-CodeCell .jp-InputArea .cm-scroller').filter(e => e.scrollWidth > e.clientWidth + 2).map(words),
        levels: levels.map(h => [Number(h.tagName[1]), words(h)]) }}; }}"""


class Seen(NamedTuple):
    """What one notebook showed: `complaints` is empty if all was well; times in seconds, memory in MiB."""

    name: str
    theme: str
    cells: int
    lost: int
    pictures: int
    clicks: int
    memory: float
    seconds: float
    complaints: list[str]


def chromium() -> str:
    """The browser of this machine."""
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else BROWSERS:
        if found := shutil.which(name):
            return found
    raise SystemExit(
        f"There is no browser called {named!r}."
        if named
        else "No Chromium, Chrome or Edge was found. Install one (on Debian or Ubuntu: sudo apt install chromium),\n"
        "or name it:   CHROMIUM=/path/to/chrome make browser"
    )


@contextlib.contextmanager
def jupyterlab(work: Path, theme: str) -> Iterator[tuple[str, str, psutil.Process]]:
    """A JupyterLab of our own on a copy of the checkout: its address, its token, its process."""
    home = work / f"home {theme}"
    settings = home / "settings" / "@jupyterlab"
    for folder, name, text in (
        # Every cell is drawn, whether it is in view or not: what is not drawn cannot be looked at.
        ("notebook-extension", "tracker", '{"windowingMode": "none"}'),
        ("apputils-extension", "themes", f'{{"theme": "{THEMES[theme]}"}}'),
    ):
        (settings / folder).mkdir(parents=True)
        (settings / folder / f"{name}.jupyterlab-settings").write_text(text)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token, base = secrets.token_hex(8), f"http://127.0.0.1:{port}"
    variables = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    variables |= {f"JUPYTERLAB_{name}_DIR": str(home / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--LabApp.news_url="]
    options += ["--LabApp.expose_app_in_browser=True", f"--IdentityProvider.token={token}"]
    options += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        cwd=work / "course",
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(240):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/api?token={token}", timeout=2):
                break
            if server.poll() is not None:
                raise SystemExit("JupyterLab did not start. Does `make lab` work?")
            time.sleep(0.5)
        yield base, token, psutil.Process(server.pid)
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


class Memory:
    """The most resident memory, in MiB, that the kernels of `server` and their child processes had, while entered."""

    def __init__(self, server: psutil.Process) -> None:
        self.server, self.most, self._over = server, 0.0, threading.Event()

    def __enter__(self) -> Memory:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            total = 0
            for child in self.server.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    total += child.memory_info().rss
            self.most = max(self.most, total / 2**20)


def look(context: Any, lab: tuple[str, str, psutil.Process], notebook: Path, theme: str) -> Seen:
    """Run one notebook, click its buttons, and look at the page."""
    from playwright.sync_api import Error

    base, token, server = lab
    page, complaints, clicks = context.new_page(), [], 0
    page.on("pageerror", lambda error: complaints.append(f"error in the page: {str(error)[:150]}"))
    page.on("console", lambda said: said.type == "error" and note(complaints, said.text))
    page.goto(f"{base}/lab/tree/{quote(notebook.as_posix())}?token={token}&reset", wait_until="domcontentloaded")
    start = time.monotonic()
    with Memory(server) as memory:
        try:
            page.wait_for_function(OPEN, timeout=60_000)
            page.evaluate(RESTART)
            page.evaluate(RUN)
            page.wait_for_function(IDLE, timeout=SECONDS * 1000)
            seconds = time.monotonic() - start
            buttons = page.locator(".jp-Notebook .jupyter-button:visible:not([disabled])")
            for number in range(buttons.count()):
                if number < buttons.count():  # one click may take others away
                    buttons.nth(number).click(timeout=10_000)
                    clicks += 1
                    page.wait_for_function(IDLE, timeout=60_000)
        except Error as error:
            seconds = time.monotonic() - start
            complaints.append(f"did not come to an end: {str(error).splitlines()[0][:150]}")
    cells, seen = page.evaluate(CELLS), page.evaluate(LOOK)
    lost = sum(cell["count"] is None and not cell["empty"] for cell in cells)
    complaints += [f"{lost} cells were never run"] * bool(lost)
    for number, cell in enumerate(cells, 1):
        if cell["error"] and not {"raises-exception", "nbval-raises-exception"} & set(cell["tags"]):
            complaints.append(f"code cell {number} raised {cell['error']}")
    complaints += [f"a picture without alternative text: {src}" for src in seen["silent"]]
    complaints += [f"a picture that cannot be shown: {alt}" for alt in seen["broken"]]
    complaints += [f"text runs out of its box: {words!r}" for words in seen["wide"] + seen["long"]]
    complaints += skipped([(0, ""), *seen["levels"]])
    page.evaluate(f"async () => {{ {NOTEBOOK} await w.sessionContext.shutdown(); }}")
    page.close()
    name = notebook.relative_to("notebooks").with_suffix("").as_posix()
    return Seen(name, theme, len(cells), lost, seen["pictures"], clicks, memory.most, seconds, complaints)


def note(complaints: list[str], said: str) -> None:
    """What the page says on its console, JupyterLab's own remarks left out."""
    if not any(words in said for words in NOT_OURS):
        complaints.append(f"on the console: {said[:150]}")


def skipped(levels: list[tuple[int, str]]) -> list[str]:
    """Headings that lie more than one level below the one before; `levels` are (level, words)."""
    pairs = itertools.pairwise(levels)
    return [f"the heading {words!r} skips a level" for (above, _), (level, words) in pairs if level > above + 1]


def main(arguments: list[str]) -> int:
    """1 if any notebook had a complaint."""
    parser = argparse.ArgumentParser(prog="make browser", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="the start of notebooks' names; without: all")
    parser.add_argument("--theme", choices=sorted(THEMES), help="without: both")
    options = parser.parse_args(arguments)
    paths = [path.relative_to(ROOT) for path in find(options.names)]
    program = chromium()
    from playwright.sync_api import sync_playwright

    bad, heads = 0, ("notebook", "theme", "cells", "lost", "pictures", "clicks", "MiB", "s")
    print("{:<50} {:<6} {:>5} {:>5} {:>8} {:>6} {:>6} {:>6}".format(*heads))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as playwright:
        work = Path(folder)
        ignore = shutil.ignore_patterns(".venv", ".git", "build", "__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT, work / "course", ignore=ignore)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for theme in [options.theme] if options.theme else THEMES:
            with jupyterlab(work, theme) as lab:
                context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
                for path in paths:
                    seen = look(context, lab, path, theme)
                    print("{:<50} {:<6} {:>5} {:>5} {:>8} {:>6} {:>6.0f} {:>6.1f}".format(*seen[:-1]), flush=True)
                    for complaint in seen.complaints:
                        print(f"    {complaint}", flush=True)
                    bad += bool(seen.complaints)
                context.close()
        browser.close()
    print(f"\n{bad} failed, {len(paths) * (1 if options.theme else len(THEMES)) - bad} passed")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
