"""Write requirements.lock and requirements-tools.lock anew from pyproject.toml (``make lock``).

uv does it, in an environment of its own that is gone afterwards, and without this machine's settings: the files
hold public versions and hashes only, no host and no path. ``--upgrade`` takes newer versions where there are some.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STYLE = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--quiet")
LOCKS = {
    # What `make lab` and `make test` install.
    "requirements.lock": ("--extra", "course", "--extra", "test"),
    # What measuring, the browser tests and the web pages need besides. Of what both need, the first lock decides.
    "requirements-tools.lock": (
        *("--extra", "bench", "--extra", "browser", "--extra", "site"),
        *("--constraint", "requirements.lock"),
    ),
}


def main(options: list[str]) -> None:
    """Both files, one after the other; `options` go to uv."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "uv"], check=True)
        settings["PYTHONPATH"] = folder
        for lock, extras in LOCKS.items():
            uv = [sys.executable, "-m", "uv", "--no-config", "pip", "compile", "pyproject.toml"]
            subprocess.run([*uv, *extras, *STYLE, "--output-file", lock, *options], cwd=ROOT, env=settings, check=True)
            print(lock)


if __name__ == "__main__":
    main(sys.argv[1:])
