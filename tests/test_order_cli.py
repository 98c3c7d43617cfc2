"""`emergelaw order`: what it prints, one JSON object, exit codes; the fit itself is a stand-in."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
import sigmoid_fit
import typer
from typer.testing import CliRunner

from emergelaw import dataset, fits
from emergelaw.cli.order import command
from emergelaw.errors import InputError

ONSETS = {"early": 9.3, "middle": 10.0, "late": 13.0, "flat": 10.0, "upper": 10.6}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs the command with a stand-in for sampling; what fitting says goes where it is told."""
    tasks = pd.DataFrame({"components": pd.Series({"upper": "early;middle", "late": "unheard"})}, index=list(ONSETS))
    fit = sigmoid_fit.fit(0.1, onsets=ONSETS, tasks=tasks)
    fit.result = {"status": "converged", "status_sentence": "Converged: read on.", "converged": True}
    asked = []

    def fitting(source, progress, say):
        asked.append(source)
        say("sampling …")
        return fit, tmp_path

    def loading(path):
        asked.append(path)
        return fit

    monkeypatch.setattr(fits, "fit_or_reuse", fitting)
    monkeypatch.setattr(fits, "load", loading)
    monkeypatch.setenv("COLUMNS", "220")
    app = typer.Typer()
    app.command()(command)

    def call(*arguments):
        return CliRunner().invoke(app, list(arguments))

    return SimpleNamespace(call=call, asked=asked, fit=fit, folder=tmp_path)


def test_a_run_folder_is_opened_and_every_table_printed(run):
    out = run.call(str(run.folder), "--threshold", "0.6")
    assert out.exit_code == 0, out.output
    assert run.asked == [run.folder]
    lines = [line.strip() for line in out.stdout.splitlines()]
    assert lines[0] == "SIMULATED data: known onsets"
    assert lines[1] == "Converged: read on."
    for piece in (
        "tokens at accuracy ≥ 0.6",
        ">100B",
        ">1T",
        "short ~ long",
        "early 1.00, middle",
        "only agreement",
        "late",
        "0.3",
        "1 composite not scored in every model",
    ):
        assert piece in out.stdout
    assert lines.index(next(x for x in lines if x.startswith("early"))) < lines.index(
        next(x for x in lines if x.startswith("middle"))
    )


def test_json_is_one_object_and_fitting_prints_elsewhere(run):
    path = dataset.save(run.fit.data, run.folder / "x.nc")
    out = run.call(str(path), "--json")
    content = json.loads(out.stdout)
    assert "sampling" in out.stderr
    assert run.asked == [str(path)]
    assert (content["threshold"], content["axis"], content["converged"]) == (0.8, "tokens", True)
    late = next(r for r in content["emergence"] if (r["task"], r["model"]) == ("late", "long"))
    assert (late["median"], late["p_emerged"], late["definition"]) == (None, 0, "absolute 0.8")
    assert {len(content[name]) for name in ("consensus", "pairs", "sensitivity")} == {5, 1, 3}
    assert "NaN" not in out.stdout and "Infinity" not in out.stdout


def test_a_fit_that_did_not_converge_exits_with_3(run):
    run.fit.result |= {"converged": False, "status_sentence": "Not converged: run longer."}
    out = run.call(str(run.folder))
    assert out.exit_code == 3
    assert "Not converged: run longer." in out.stdout


def test_a_bad_threshold_is_refused_before_any_fit(run):
    out = run.call(str(run.folder), "--threshold", "80")
    assert isinstance(out.exception, InputError) and "at most 1, got 80" in str(out.exception)
    assert not run.asked
