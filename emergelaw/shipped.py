"""Model files and data sets that come with emergelaw, found by name in a checkout and in an installed wheel."""

from pathlib import Path

from emergelaw.errors import InputError, did_you_mean

PACKAGE = Path(__file__).parent


def find_model(name_or_path: str | Path) -> Path:
    """Return the path of a model file: the file itself, or a shipped one such as 'trajectory'."""
    return _find(name_or_path, "model", "models", ".toml")


def find_data(name_or_path: str | Path) -> Path:
    """Return the path of a data set: the file itself, or a shipped one such as 'simulated'."""
    return _find(name_or_path, "data set", "data", ".nc")


def folder(name: str) -> Path:
    """Return where the shipped models or data lie: a wheel carries them inside, a checkout beside the package."""
    inside = PACKAGE / "_shipped"
    return (inside if inside.is_dir() else PACKAGE.parent) / name


def _find(name_or_path: str | Path, what: str, where: str, suffix: str) -> Path:
    path = Path(name_or_path)
    if path.is_file():
        return path
    shipped = {file.stem: file for file in sorted(folder(where).glob(f"*{suffix}"))}
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    raise InputError(
        f"expected a {what} file or one of the shipped names ({', '.join(shipped) or 'none here'}), got "
        f"{str(name_or_path)!r}{did_you_mean(path.stem, shipped)}: give one of the names or the path of a {suffix} file"
    )
