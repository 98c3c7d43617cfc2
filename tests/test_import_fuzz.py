"""Damaged sources: whatever is flipped, cut, removed or retyped, an import ends well or with one sentence."""

import contextlib
import functools
import io
import json
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from result_files import items, lines, new_file, old, v0, v1, write

from emergelaw import cli

COUNTS = {"arc_easy": (600, 2376), "piqa": (900, 1838)}
VALUES = [
    None,
    True,
    -1,
    0,
    0.5,
    1e308,
    2**70,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\x00",
    "\ud800",
    [],
    [1],
    {},
    {"a": 1},
]
EXAMPLES = settings(max_examples=15, derandomize=True, suppress_health_check=list(HealthCheck))
MORE = settings(EXAMPLES, max_examples=150, derandomize=False)


def pythia(root):
    for step in (0, 1, 3000):
        v1(root, "70m", step, COUNTS)
    v1(root, "1b-bf16", 512, COUNTS, stem="1b-bf16-5shot")


def pythia_v0(root):
    v0(root, "160m", 1500, COUNTS, "five-shot", iterations=71500)
    v0(root, "160m", 1500, COUNTS, iterations=71500)


def pythia_zip(root):
    pythia(root / "clone")
    shutil.make_archive(str(root / "pythia"), "zip", root / "clone")
    shutil.rmtree(root / "clone")


def pythia_tar(root):
    pythia(root / "clone")
    shutil.make_archive(str(root / "pythia"), "gztar", root / "clone")
    shutil.rmtree(root / "clone")


def lm_eval(root):
    counts = {"toy_a": (4, 20), "toy_b": (6, 20)}
    new_file(root, counts, model="org/net", revision="stage1-step10000-tokens21B", task_hashes={"toy_a": "x"})
    new_file(root, counts, stamp="2025-08-13T00-00-00", model="org/net", revision="stage1-step150-tokens1B")
    write(root / "EleutherAI__pythia-70m" / "samples_toy_a_2025-08-12T17-53-38.528277.jsonl", lines(items(4, 20)))


def lm_eval_old(root):
    write(root / "results.json", old({"toy_a": (4, 20)}, "pretrained=net,revision=step10"))
    write(root / "pretrained__net,revision__step10_toy_a.jsonl", json.dumps(items(4, 20), indent=1))


def elementaltask(root):
    model, revision = "EleutherAI_pythia-6.9b", "step11000"
    folder = root / "results" / "run" / f"pythia-6.9b_{revision}"
    words = ["cat", "dog", "tree"]
    records = [
        {
            "index": i,
            "input": w,
            "ground_truth": w.upper(),
            "prompt": f"{w} ->",
            "metadata": {},
            "prediction": f" {w.upper()}\n",
            "target": w.upper(),
            "correct": True,
        }
        for i, w in enumerate(words)
    ]
    write(folder / f"{model}_{revision}_uppercase_detailed.jsonl", lines(records))
    scores = {
        "task_name": "copying",
        "model_id": "EleutherAI/pythia-6.9b",
        "checkpoint": revision,
        "metrics": {"exact_match": {"accuracy": 0.5, "correct": 2, "total": 4}},
    }
    write(folder / f"{model}_{revision}_copying_metrics.json", scores)
    row = {
        "model": "EleutherAI/pythia-6.9b",
        "checkpoint": revision,
        "task": "math",
        "success": True,
        "error": "",
        "cached": False,
        "accuracy": 0.25,
        "correct": 1,
        "total": 4,
    }
    pd.DataFrame([row]).to_csv(folder.parent / "detailed_results_math.csv", index=False)


def rows() -> pd.DataFrame:
    grid = pd.MultiIndex.from_product([["a", "b"], ["s", "t"], [1, 10, 100]], names=["model", "task", "step"])
    return grid.to_frame(index=False).assign(k=range(12), n=20, chance=0.25)


def table_csv(root):
    rows().to_csv(root / "t.csv", index=False)


def table_gz(root):
    rows().to_csv(root / "t.csv.gz", index=False)


def table_parquet(root):
    pytest.importorskip("pyarrow", reason="Parquet needs the extra emergelaw[parquet]")
    rows().to_parquet(root / "t.parquet")


MINIATURES = {
    pythia: "pythia-evals",
    pythia_zip: "pythia-evals",
    pythia_tar: "pythia-evals",
    lm_eval: "lm-eval",
    lm_eval_old: "lm-eval",
    elementaltask: "elementaltask",
    table_csv: "table",
    table_gz: "table",
    table_parquet: "table",
}
ORIGINALS = {
    "pythia/raw_sample": "pythia-evals",
    "lm-eval/v0.4.2": "lm-eval",
    "lm-eval/v0.4.9.1": "lm-eval",
    "lm-eval/v0.4.12": "lm-eval",
    "lm-eval/v0.4.9.1_real_hf": "lm-eval",
}


def run(kind, root, *options):
    """Run `emergelaw import` in this process; return its exit code and what it said on stderr."""
    sources = sorted(map(str, root.iterdir())) if kind == "table" or any(root.glob("pythia.*")) else [str(root)]
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stderr(said):
        with mock.patch("sys.argv", ["emergelaw", "import", kind, *sources, "-o", f"{out}/x.nc", *options]):
            with contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as stop:
                cli.main()
    return stop.value.code, said.getvalue()


def damaged(content: bytes, draw) -> bytes:
    """Flip a byte, cut the end off, or remove or retype a JSON value."""
    how = draw(st.sampled_from(["flip", "cut", "remove", "retype"]))
    if how in ("remove", "retype") and (found := retyped(content, how, draw)) is not None:
        return found
    at = draw(st.integers(0, max(len(content) - 1, 0)))
    if how == "cut":
        return content[:at]
    return content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :]


def retyped(content: bytes, how: str, draw) -> bytes | None:
    """Change one value somewhere in a JSON or JSON-lines file; None if it is neither."""
    try:
        docs, many = [json.loads(content)], False
    except ValueError:
        try:
            docs, many = [json.loads(line) for line in content.splitlines() if line.strip()], True
        except ValueError:
            return None
    places = [place for doc in docs for place in walk(doc)]
    if not places:
        return None
    holder, key = draw(st.sampled_from(places))
    if how == "remove":
        del holder[key]
    else:
        holder[key] = draw(st.sampled_from(VALUES))
    return lines(docs).encode() if many else json.dumps(docs[0]).encode()


def walk(value):
    """Yield (holder, key) of every value inside a JSON value."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from walk(inner)


def ends_well(kind, source, options, draw):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "source"
        source(root) if callable(source) else shutil.copytree(source, root)
        files = sorted(p for p in root.rglob("*") if p.is_file() and p.name != "LICENSE")
        victim = draw(st.sampled_from(files))
        content = damaged(victim.read_bytes(), draw)
        victim.unlink()  # a copied original may be read-only
        victim.write_bytes(content)
        code, said = run(kind, root, *options)
    assert code in (0, 2), said
    if code == 2:
        assert said.startswith("expected ") and said.count("\n") == 1, said


@functools.cache
def content_of(builder) -> dict[str, bytes]:
    """Build once: archives carry the time, and hypothesis must meet the same bytes each time."""
    with tempfile.TemporaryDirectory() as folder:
        builder(Path(folder))
        files = [p for p in sorted(Path(folder).rglob("*")) if p.is_file()]
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def made(builder):
    """Return a function that fills a new folder."""

    def fill(root):
        for name, content in content_of(builder).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)

    return fill


@pytest.mark.parametrize("builder, kind", MINIATURES.items(), ids=lambda b: getattr(b, "__name__", b))
def test_whole_miniatures_import(builder, kind, tmp_path):
    made(builder)(tmp_path / "source")
    assert run(kind, tmp_path / "source") == (0, "")


@pytest.mark.parametrize("builder, kind", MINIATURES.items(), ids=lambda b: getattr(b, "__name__", b))
def test_damaged_miniatures(builder, kind):
    EXAMPLES(given(st.data())(lambda data: ends_well(kind, made(builder), (), data.draw)))()


def test_damaged_old_pythia_files():
    EXAMPLES(given(st.data())(lambda data: ends_well("pythia-evals", made(pythia_v0), ("--suite", "v0"), data.draw)))()


@pytest.mark.slow
@pytest.mark.parametrize("builder, kind", MINIATURES.items(), ids=lambda b: getattr(b, "__name__", b))
def test_damaged_miniatures_at_length(builder, kind):
    MORE(given(st.data())(lambda data: ends_well(kind, made(builder), (), data.draw)))()


@pytest.mark.slow
@pytest.mark.parametrize("folder, kind", ORIGINALS.items())
def test_damaged_originals(shared_data, folder, kind):
    MORE(given(st.data())(lambda data: ends_well(kind, shared_data / folder, (), data.draw)))()


@pytest.mark.slow
def test_damaged_elementaltask_originals(shared_data, tmp_path):
    with tarfile.open(shared_data / "ich" / "raw_sample.tar.gz") as archive:
        wanted = [m for m in archive if m.isfile() and "/olmo2_1b_early/" in m.name and m.size < 20_000]
        archive.extractall(tmp_path, members=wanted[::3], filter="data")
    MORE(given(st.data())(lambda data: ends_well("elementaltask", tmp_path, (), data.draw)))()


@settings(EXAMPLES, max_examples=60)
@given(
    st.binary(max_size=200),
    st.sampled_from(["zip", "tar.gz", "tar", "json", "jsonl", "csv", "parquet"]),
    st.sampled_from(["pythia-evals", "lm-eval", "elementaltask", "table", "auto"]),
)
def test_arbitrary_bytes(content, suffix, kind):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / f"x.{suffix}").write_bytes(content)
        code, said = run(kind, root)
    assert code == 2 and said.startswith("expected ") and said.count("\n") == 1, said


def test_locked_archive(tmp_path):
    """A zip member marked as encrypted cannot be read, and the sentence names the archive."""
    path = tmp_path / "pythia.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evals/pythia-v1/pythia-70m/zero-shot/70m_step0.json", "{}")
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    code, said = run("pythia-evals", tmp_path)
    assert code == 2 and "pythia.zip to be readable, got" in said and "is encrypted" in said
