"""Fetching a pinned commit from a local server: the right archive is imported, everything else is one sentence."""

import hashlib
import io
import socket
import struct
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from emergelaw import dataset, pull
from emergelaw.cli.data import app
from emergelaw.errors import InputError
from emergelaw.importers.common import Imported, Log

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"evals/a.csv": b"model,n\n", "README": b"hello"}
NAMES_AND_HASHES = "".join(f"{name}\0{hashlib.sha256(FILES[name]).hexdigest()}\n" for name in sorted(FILES))
CONTENT = hashlib.sha256(NAMES_AND_HASHES.encode()).hexdigest()


def archive(commit=COMMIT, files=FILES, level=9, top="repo"):
    """Return a tar.gz as git makes it: the commit in the global header and in the name of the top folder."""
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out,
        mode="w:gz",
        compresslevel=level,
        format=tarfile.PAX_FORMAT,
        pax_headers={"comment": commit} if commit else {},
    ) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{top}-{commit}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def read(sources):
    """Stand for an importer: two cells, whatever the source."""
    cells = pd.DataFrame({"model": "m", "task": "t", "step": [1, 2], "n_correct": [1, 2], "n_trials": 9})
    log = Log()
    log.add(f"kept: {sources[0].name}")
    labels = pd.DataFrame(index=["m"]), pd.DataFrame(index=["t"])
    return Imported(cells, *labels, {"kind": "published", "title": "x"}, log)


SOURCE = pull.Source("thing", "org/repo", COMMIT, read)


@pytest.fixture
def serve(monkeypatch):
    """Return a function that serves one answer and gives the address; asked paths are in its attribute `asked`."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(body=b"", status=200, length=None, reset=False):
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                start.asked.append(self.path)
                self.send_response(status)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)
                if reset:  # close without the polite ending
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    start.asked = []
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_pinned_commit_is_asked_for_checked_and_imported(serve, tmp_path):
    body, seen = archive(), []
    out = tmp_path / "data" / "thing.nc"
    notes = pull.pull(SOURCE, out, host=serve(body, length=len(body)), progress=lambda *at: seen.append(at))
    assert serve.asked == [f"/org/repo/tar.gz/{COMMIT}"]
    assert seen[-1] == (len(body), len(body))
    ds = dataset.open(out)
    assert ds["n_correct"].values.ravel().tolist() == [1, 2]
    about = dataset.provenance(ds)
    assert about["pulled"] == {
        "repository": "org/repo",
        "commit": COMMIT,
        "content_sha256": CONTENT,
        "url": f"https://codeload.github.com/org/repo/tar.gz/{COMMIT}",
    }
    assert about["import_log"][0] == "kept: thing.tar.gz" and list(out.parent.iterdir()) == [out]
    assert any(CONTENT in note and "none is pinned" in note for note in notes)


def test_the_content_counts_and_not_how_it_was_compressed(serve, tmp_path):
    pinned = replace(SOURCE, content_sha256=CONTENT)
    notes = [pull.pull(pinned, tmp_path / "x.nc", host=serve(archive(level=level))) for level in (1, 9)]
    assert notes == [["kept: thing.tar.gz"]] * 2


def test_an_abbreviated_commit_is_found_in_header_or_folder(serve, tmp_path):
    short = replace(SOURCE, commit=COMMIT[:7])
    pull.pull(short, tmp_path / "x.nc", host=serve(archive()))
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo(f"my-repo-{COMMIT}/file"), io.BytesIO())
    pull.pull(short, tmp_path / "y.nc", host=serve(plain.getvalue()))
    assert dataset.open(tmp_path / "x.nc").identical(dataset.open(tmp_path / "y.nc")) is False  # other content hash


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"status": 404}, r"got the answer 404 \(Not Found\): take a copy of org/repo"),
        ({"status": 503}, "got the answer 503"),
        ({"body": archive(), "length": 10**6}, r"got a transfer that ended after \d+ of 1,000,000 bytes: take a copy"),
        ({"body": archive(), "length": 10**6, "reset": True}, "got (a transfer that broke off|no connection) .*reset"),
        (
            {"body": archive()[:-60]},
            r"expected a whole tar.gz archive from org/repo, got damage \(\w+\): pull it again",
        ),
        ({"body": b"<html>please log in</html>"}, r"expected a whole tar.gz archive .* got damage \(ReadError\)"),
        ({"body": archive("fedc" * 10)}, "expected commit 0123456789.* got an archive of fedcfedc"),
        ({"body": archive("", top="main")}, "expected commit 0123456789.* got an archive of 'main-'"),
        ({"body": archive(files={**FILES, "README": b"hullo"})}, f"expected content with sha256 {CONTENT} .* got "),
    ],
)
def test_wrong_answers_are_named_and_leave_nothing(serve, tmp_path, answer, message):
    with pytest.raises(InputError, match=message) as caught:
        pull.pull(replace(SOURCE, content_sha256=CONTENT), tmp_path / "x.nc", host=serve(**answer))
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


def test_offline_names_both_other_ways(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(
            InputError,
            match=r"got no connection .*may be offline: take a copy of org/repo and run "
            "`emergelaw data pull thing --from PATH`, or `emergelaw import thing",
        ):
            pull.pull(SOURCE, tmp_path / "x.nc", host=host)
    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(pull, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(InputError, match=r"got no connection \(timed out\)"):
            pull.pull(SOURCE, tmp_path / "x.nc", host=f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_an_interrupted_download_leaves_nothing_behind(serve, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull.download(serve(archive()) + "/x", tmp_path / "part.tar.gz", SOURCE, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_local_copy_needs_no_network(tmp_path):
    (tmp_path / "clone").mkdir()
    notes = pull.pull(SOURCE, tmp_path / "x.nc", local=tmp_path / "clone", host="http://never.invalid")
    assert notes == ["kept: clone"]
    assert dataset.provenance(dataset.open(tmp_path / "x.nc"))["pulled"] == {
        "repository": "org/repo",
        "local_copy": "clone",
    }
    with pytest.raises(InputError, match=r"expected a copy of org/repo at .*nowhere, found nothing"):
        pull.pull(SOURCE, tmp_path / "x.nc", local=tmp_path / "nowhere")


def test_unknown_names_are_corrected():
    with pytest.raises(InputError, match=r"got 'pythia-eval' \(did you mean 'pythia-evals'\?\)"):
        pull.find("pythia-eval")


@pytest.mark.parametrize(
    ("name", "copy", "models"),
    [("pythia-evals", "pythia/raw_sample", 2), ("elementaltask", "ich/raw_sample.tar.gz", 3)],
)
def test_the_command_on_copies_of_the_published_results(shared_data, tmp_path, monkeypatch, name, copy, models):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["pull", name, "--from", str(shared_data / copy)], catch_exceptions=False)
    assert result.exit_code == 0 and f"wrote data/{name}.nc" in result.output
    ds = dataset.open(tmp_path / "data" / f"{name}.nc")
    assert ds.sizes["model"] >= models and dataset.provenance(ds)["kind"] == "published"
    assert np.isfinite(ds["params"]).all()
