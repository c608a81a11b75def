"""Where the course's facts lie on disk."""

from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "data"  # beside the package, in the repository


def data_path(*parts: str) -> Path:
    """Return the path of a file or folder in the repository's ``data`` folder.

    ``data_path()`` is the folder itself, ``data_path("capitals", "oslo.json")`` one record in it. The path does
    not depend on the current directory, so that it is the same in a notebook, a script and a test.

    Raises FileNotFoundError when there is no such file or folder.
    """
    if not (DATA / "capitals.csv").is_file():
        raise FileNotFoundError(
            f"The course's data is not in {DATA}. It lies beside the package in the repository: "
            "run 'pip install -e .' there, which leaves the package where its data is."
        )
    path = DATA.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"There is no {'/'.join(parts)} in {DATA}.")
    return path
