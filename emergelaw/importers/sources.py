"""The files of a source (one file, a folder, or an archive), read one after the other."""

import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from emergelaw.errors import InputError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")

Wanted = Callable[[str], bool]


def documents(sources: list[Path], wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of each wanted file; names are full paths with '/', hidden files are left out."""
    for source in sources:
        if not source.exists():
            raise InputError(f"expected a file or a folder at {source}, found nothing: check the path")
        try:
            for name, content in _reader(source)(source, lambda name: wanted(name) and not _hidden(name)):
                yield _text(name), content
        except InputError:
            raise
        except Exception as error:  # damaged archives raise almost anything: struct.error, EOFError, zlib.error …
            reason = " ".join([type(error).__name__, *str(error).splitlines()[:1]])
            raise InputError(
                f"expected {source} to be readable, got {reason!r}: it is damaged or locked, so fetch it again"
            ) from error


def _reader(source: Path) -> Callable[[Path, Wanted], Iterator[tuple[str, bytes]]]:
    if source.is_dir():
        return _folder
    if source.name.endswith(".zip"):
        return _zip
    return _tar if source.name.endswith(ARCHIVES) else _file


def _hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".") or "/.git/" in name


def _text(name: str) -> str:
    """Return a file name if it is text: models and tasks are named after files."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"expected file names in UTF-8, got {name!r}: rename the file") from error
    return name


def _file(source: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    if wanted(name := source.resolve().as_posix()):
        yield name, source.read_bytes()


def _folder(source: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    for path in sorted(source.resolve().rglob("*")):
        if wanted(path.as_posix()) and path.is_file():
            yield path.as_posix(), path.read_bytes()


def _zip(source: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(source) as archive:
        for member in sorted(archive.infolist(), key=lambda m: m.filename):
            if wanted(name := f"{source.name}/{member.filename}") and not member.is_dir():
                yield name, archive.read(member)


def _tar(source: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(source) as archive:
        for member in archive:
            content = archive.extractfile(member) if wanted(name := f"{source.name}/{member.name}") else None
            if content is not None:
                yield name, content.read()


def json_value(content: bytes, where: str) -> Any:
    """Return what a JSON file holds."""
    try:
        value = json.loads(content.decode("utf-8-sig"))
        if b"\\ud" in content.lower():  # an escape that may be half of a character, which no file can hold
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"expected JSON in {where}, could not read it ({error}): "
            "the file is damaged or incomplete, so fetch or write it again"
        ) from error


def table(value: Any, what: str, where: str) -> dict[str, Any]:
    """Return value if it is a JSON object."""
    if not isinstance(value, dict):
        raise InputError(
            f"expected {what} to be a JSON object, got {type(value).__name__} in {where}: "
            "the file is damaged or of another format"
        )
    return value
