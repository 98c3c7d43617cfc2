"""`emergelaw fit`: exit codes, what is printed, when a fit is reused. Sampling is replaced by a fit made before."""

import json
import sys
from dataclasses import replace

import pandas as pd
import pytest
from tiny_fit import TASKS, simulated

from emergelaw import cli, dataset, fits, report
from emergelaw.status import Status
from emergelaw.summary import task_rows


@pytest.fixture
def source(tmp_path):
    return dataset.save(simulated(), tmp_path / "tiny.nc")


@pytest.fixture
def asked(monkeypatch, tiny_fit):
    """Answer every request for a fit with the tiny one, whose status `asked.status` says; remember the requests."""

    class Asked(list):
        status = Status.CONVERGED

    asked = Asked()

    def answer(ds, model, seed, max_draws, progress):
        asked.append((seed, max_draws))
        told = {"status": asked.status.label, "status_sentence": asked.status.sentence, "seed": seed}
        told |= {"converged": asked.status.converged, "max_draws": max_draws, "model_sha256": fits.model_sha256(model)}
        return replace(tiny_fit, result=tiny_fit.result | told)

    monkeypatch.setattr(fits, "fit", answer)
    monkeypatch.setattr(report, "build", lambda fit, out: (out / "report.html").write_text("drawn elsewhere, slowly"))
    return asked


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run `emergelaw fit …`; returns exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["emergelaw", "fit", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        told = capsys.readouterr()
        return stop.value.code or 0, told.out, told.err

    return run


def test_a_converged_fit_exits_with_0_and_tells_everything(run, source, asked, tmp_path, tiny_fit):
    code, out, _ = run(source)
    assert code == 0 and asked == [(0, 4000)]
    assert "SIMULATED" in out and Status.CONVERGED.sentence in out
    assert all(task in out for task in TASKS) and len(task_rows(tiny_fit)) == 3
    assert "runs/tiny-trajectory" in out
    assert {"report.html", "fit.json", "emergence.csv"} <= {
        p.name for p in (tmp_path / "runs/tiny-trajectory").iterdir()
    }


@pytest.mark.parametrize("status", [Status.NOT_MIXED, Status.DIVERGENT, Status.FEW_DRAWS])
def test_a_fit_that_did_not_converge_exits_with_3_and_is_still_written(run, source, asked, tmp_path, status):
    asked.status = status
    code, out, _ = run(source, "--out", "here", "--seed", 7, "--max-draws", 250)
    assert code == 3 and asked == [(7, 250)]
    assert status.label in out and " ".join(status.sentence.split()[:4]) in out
    assert json.loads((tmp_path / "here/fit.json").read_text())["status"] == status.label
    assert len(pd.read_csv(tmp_path / "here/emergence.csv"))


def test_json_prints_the_result_and_nothing_else(run, source, asked, tmp_path):
    code, out, _ = run(source, "--json", "--out", "here")
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "here/fit.json").read_text())


def test_unchanged_input_is_not_fitted_again_unless_forced(run, source, asked):
    run(source)
    code, out, _ = run(source)
    assert code == 0 and len(asked) == 1
    assert "unchanged data, model and seed: reusing the fit in runs/tiny-trajectory (--force fits anew)" in out
    assert run(source, "--json")[1].startswith("{")  # the remark goes to the other stream
    run(source, "--force")
    assert len(asked) == 2
    run(source, "--seed", 1)
    assert len(asked) == 3


def test_reusing_a_fit_that_did_not_converge_still_exits_with_3(run, source, asked):
    asked.status = Status.NOT_MIXED
    run(source)
    assert run(source)[0] == 3 and len(asked) == 1
    assert run(source, "--max-draws", 8000)[0] == 3 and len(asked) == 2  # as the status advises


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing.nc"], "expected a data set file or one of the shipped names"),
        (["{source}", "--model", "trajectroy"], "got 'trajectroy' (did you mean 'trajectory'?)"),
        (["{source}", "--model", "{source}"], "expected a TOML model file at"),
        (["{text}"], "expected a netCDF-4 file at"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(run, source, tmp_path, arguments, sentence):
    (tmp_path / "text.nc").write_text("not a data set")
    code, out, err = run(*(a.format(source=source, text=tmp_path / "text.nc") for a in arguments))
    assert code == 2 and out == "" and sentence in err
    assert err.count("\n") == 1 and not (tmp_path / "runs").exists()


def test_too_few_draws_are_refused(run, source):
    code, _, err = run(source, "--max-draws", 10)
    assert code == 2 and "250" in err
