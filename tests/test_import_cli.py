"""`emergelaw import`: what it prints, what it writes, and how it refuses."""

import sys

import pytest
from result_files import new_file, v1, write

from emergelaw import __version__, cli, dataset
from emergelaw.errors import InputError
from emergelaw.importers import IMPORTERS, choose

COUNTS = {"arc_easy": (600, 2376), "piqa": (900, 1838)}
TABLE = "model,task,step,k,n\na,s,1,2,10\na,s,10,5,10\na,t,1,1,10\n"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run `emergelaw import` and return (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def import_(*arguments):
        monkeypatch.setattr(sys, "argv", ["emergelaw", "import", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code, *capsys.readouterr()

    return import_


def test_it_prints_and_stores_what_it_did(run, tmp_path):
    v1(tmp_path / "clone", "1b-bf16", 512, COUNTS, stem="1b-bf16-5shot")
    v1(tmp_path / "clone", "1.4b-deduped", 3000, COUNTS, "baseline", stem="baseline-1.4b-deduped")
    code, said, _ = run("pythia-evals", "clone", "-o", "data/x.nc")
    assert code == 0
    *log, last = said.splitlines()
    stored = dataset.provenance(dataset.open("data/x.nc"))
    assert [line.strip() for line in log] == stored["import_log"] and len(log) == 3
    assert "data/x.nc: 1 models × 2 tasks, 2 cells (published: Pythia evaluations (v1)" in last
    assert stored["importer"] == "pythia-evals" and stored["versions"]["emergelaw"] == __version__
    assert stored["sources"] == ["clone"] and stored["licence"] == "Apache-2.0"


def test_the_same_source_gives_the_same_bytes(run, tmp_path):
    new_file(tmp_path / "out", COUNTS)
    for name in ("a.nc", "b.nc"):
        assert run("lm-eval", "out", "-o", name)[0] == 0
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()


def test_filters_and_maps_reach_the_table(run, tmp_path):
    write(tmp_path / "t.csv", TABLE.replace("task", "benchmarque"))
    code, _, _ = run("table", "t.csv", "-o", "x.nc", "--map", "task=benchmarque", "--filter", "benchmarque=s")
    assert code == 0
    assert dataset.open("x.nc").sizes == {"model": 1, "checkpoint": 2, "task": 1}


def test_metric_reaches_lm_eval(run, tmp_path):
    new_file(tmp_path / "out", {"t": (4, 20)}, metrics=("acc", "acc_norm"))
    assert "kept acc_norm,none and set aside acc,none" in run("lm-eval", "out", "-o", "x.nc", "--metric", "acc_norm")[1]


@pytest.mark.parametrize(
    "make, name", [(lambda p: v1(p, "70m", 3000, COUNTS), "pythia-evals"), (lambda p: new_file(p, COUNTS), "lm-eval")]
)
def test_auto_takes_the_importer_that_fits(make, name, tmp_path):
    make(tmp_path)
    assert choose("auto", [tmp_path]).name == name


def test_auto_knows_a_table(run, tmp_path):
    write(tmp_path / "t.csv", TABLE)
    assert choose("auto", [tmp_path / "t.csv"]).name == "table"
    assert run("auto", "t.csv", "-o", "x.nc")[0] == 0


def test_every_importer_says_what_it_missed(tmp_path):
    write(tmp_path / "notes.txt", "hello")
    with pytest.raises(InputError) as refused:
        choose("auto", [tmp_path])
    for name in IMPORTERS:
        assert f"{name} looked and saw that" in str(refused.value)


def test_the_importer_that_would_fit_is_named(tmp_path):
    new_file(tmp_path, COUNTS)
    with pytest.raises(InputError, match=r"expected a clone .* EleutherAI/pythia .* lm-eval looked and would fit"):
        choose("pythia-evals", [tmp_path])


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["lm-evl", "out"],
            "expected KIND to be auto or one of pythia-evals, elementaltask, lm-eval, table, got 'lm-evl' "
            "(did you mean 'lm-eval'?)",
        ),
        (["lm-eval", "nowhere"], "expected a file or a folder at nowhere, found nothing"),
        (["lm-eval", "out", "--suite", "v1"], "expected no --suite with lm-eval, got 'v1'"),
        (["lm-eval", "out", "--filter", "a=b"], "expected no --filter with lm-eval"),
        (["lm-eval", "out", "--map", "a=b"], "expected no --map with lm-eval"),
        (["table", "t.csv", "--metric", "acc"], "expected no --metric with table"),
        (["table", "t.csv", "--map", "task"], "expected --map FIELD=COLUMN, got 'task'"),
        (["lm-eval", "broken"], "expected JSON in"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(run, tmp_path, arguments, message):
    new_file(tmp_path / "out", COUNTS)
    new_file(tmp_path / "broken", COUNTS).write_text('{"results"')
    write(tmp_path / "t.csv", TABLE)
    code, said, refused = run(*arguments, "-o", "x.nc")
    assert code == 2 and message in refused and refused.count("\n") == 1
    assert not said and not (tmp_path / "x.nc").exists()


def test_originals_from_the_command_line(run, shared_data):
    code, said, _ = run("auto", shared_data / "pythia" / "raw_sample", "-o", "x.nc")
    assert code == 0 and "x.nc: 2 models × 130 tasks, 260 cells" in said


@pytest.mark.parametrize(
    "odd, message",
    [
        ("\x00", "expected printable text for task, got 't\\x00'"),
        ("\n", "expected printable text for task, got 't\\n'"),
        ("\ud800", "'utf-8' codec can't encode character '\\ud800'"),
    ],
)
def test_names_that_no_file_can_hold_are_refused(run, tmp_path, odd, message):
    new_file(tmp_path / "out", {f"t{odd}": (4, 20)})
    code, _, refused = run("lm-eval", "out", "-o", "x.nc")
    assert code == 2 and message in refused and refused.startswith("expected ") and refused.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such file names themselves")
def test_file_names_that_are_no_text_are_refused(run, tmp_path):
    v1(tmp_path / "clone\udcff", "70m", 3000, COUNTS)
    code, _, refused = run("pythia-evals", ".", "-o", "x.nc")
    assert code == 2 and refused.startswith("expected file names in UTF-8, got ") and refused.count("\n") == 1
