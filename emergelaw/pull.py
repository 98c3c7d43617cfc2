"""Fetch published evaluations at a pinned commit (or take a local copy) and import them into one data set file.

Archives made by GitHub are compressed anew from time to time, so their own hash proves nothing. What is checked is the
commit that git writes into the archive's header and its top folder, and, where one is pinned, the hash of the content:
sha256 over the sorted pairs of member name (below the top folder) and sha256 of its bytes.
"""

import hashlib
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from emergelaw import importers
from emergelaw.errors import InputError, did_you_mean
from emergelaw.files import atomic
from emergelaw.importers import elementaltask, pythia_evals
from emergelaw.importers.common import Imported

HOST = "https://codeload.github.com"
TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 20
BROKEN = (tarfile.TarError, EOFError, zlib.error, OSError)

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known


@dataclass(frozen=True)
class Source:
    """A repository at one commit, and how to import it."""

    name: str
    repository: str
    commit: str
    read: Callable[[list[Path]], Imported]
    content_sha256: str | None = None  # None: nobody has recorded it yet

    def url(self, host: str) -> str:
        return f"{host}/{self.repository}/tar.gz/{self.commit}"


SOURCES = {
    source.name: source
    for source in (
        Source(
            "pythia-evals",
            "EleutherAI/pythia",
            "a19eecb807ec2c79a39ebf18108816e6ffffc1d5",
            pythia_evals.read,
        ),
        Source(
            "elementaltask",
            "KaiserWhoLearns/ElementalTask",
            "82a0d57",
            elementaltask.read,
        ),
    )
}


def find(name: str) -> Source:
    """Return the source of this name."""
    if name not in SOURCES:
        raise InputError(
            f"expected one of {', '.join(SOURCES)} to pull, got {name!r}{did_you_mean(name, SOURCES)}: "
            "choose one, or use `emergelaw import` for files of your own"
        )
    return SOURCES[name]


def pull(
    source: Source,
    out: Path,
    local: Path | None = None,
    host: str = HOST,
    progress: Progress = lambda done, total: None,
) -> list[str]:
    """Write the data set of a source to `out`, from a local copy or from the network; return what was noted."""
    if local is not None:
        if not local.exists():
            raise InputError(f"expected a copy of {source.repository} at {local}, found nothing: check --from")
        return _import(source, local, {"local_copy": local.resolve().name}, out)
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / f"{source.name}.tar.gz"
        download(source.url(host), archive, source, progress)
        checked = check(archive, source)
        url = source.url(HOST)
        notes = _import(source, archive, {"url": url, "commit": source.commit, "content_sha256": checked}, out)
    if source.content_sha256 is None:
        notes.append(
            f"content sha256 {checked}: none is pinned for {source.repository} yet, so only the commit "
            "named in the archive was checked"
        )
    return notes


def _import(source: Source, path: Path, origin: dict[str, str], out: Path) -> list[str]:
    found = source.read([path])
    importers.save(found, out, pulled={"repository": source.repository, **origin})
    return found.log.lines()


def download(url: str, path: Path, source: Source, progress: Progress) -> None:
    """Fetch a file, whole or not at all."""
    with _answer(url, source) as answer, atomic(path) as part, part.open("wb") as file:
        total = int(answer.headers["Content-Length"]) if answer.headers["Content-Length"] else None
        done = 0
        for block in _blocks(answer, url, source):
            done += file.write(block)
            progress(done, total)
        if total is not None and done != total:
            raise _failed(url, f"a transfer that ended after {done:,} of {total:,} bytes", source)


def _answer(url: str, source: Source) -> HTTPResponse:
    try:
        return urllib.request.urlopen(url, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        raise _failed(url, f"the answer {error.code} ({error.reason})", source) from error
    except (OSError, HTTPException) as error:
        raise _failed(
            url, f"no connection ({getattr(error, 'reason', error)}); this machine may be offline", source
        ) from error


def _blocks(answer: HTTPResponse, url: str, source: Source) -> Iterator[bytes]:
    try:
        while block := answer.read(CHUNK):
            yield block
    except (OSError, HTTPException) as error:
        raise _failed(url, f"a transfer that broke off ({error})", source) from error


def _failed(url: str, got: str, source: Source) -> InputError:
    return InputError(
        f"expected to download {url}, got {got}: take a copy of {source.repository} and run "
        f"`emergelaw data pull {source.name} --from PATH`, or "
        f"`emergelaw import {source.name} PATH -o data/{source.name}.nc`"
    )


def check(archive: Path, source: Source) -> str:
    """Return the hash of the archive's content, if it is the pinned commit and not anything else."""
    try:
        with tarfile.open(archive) as tar:
            commit, top = tar.pax_headers.get("comment", ""), ""
            hashes = {}
            for member in tar:
                top, _, name = member.name.partition("/")
                if member.isfile() and (content := tar.extractfile(member)):
                    hashes[name] = hashlib.sha256(content.read()).hexdigest()
    except BROKEN as error:
        raise InputError(
            f"expected a whole tar.gz archive from {source.repository}, got damage "
            f"({type(error).__name__}): pull it again"
        ) from error
    if not (commit or top.rpartition("-")[2]).startswith(source.commit):
        raise InputError(
            f"expected commit {source.commit} of {source.repository}, got an archive of "
            f"{commit or repr(top)}: pull it again, or give a copy of that commit with --from"
        )
    found = hashlib.sha256("".join(f"{n}\0{h}\n" for n, h in sorted(hashes.items())).encode()).hexdigest()
    if source.content_sha256 not in (None, found):
        raise InputError(
            f"expected content with sha256 {source.content_sha256} from {source.repository}, got {found}: "
            "the archive was altered on its way, so pull it again"
        )
    return found
