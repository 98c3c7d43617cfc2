"""What is printed of a fit, at 80 columns and in a pipe."""

import io

import numpy as np
import pytest
from fakes import fake_fit
from rich.console import Console

from emergelaw import terminal
from emergelaw.axes import named
from emergelaw.summary import task_rows


def printed(renderable, width=80):
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(renderable)
    return out.getvalue()


def words(renderable):
    return " ".join(printed(renderable).split())


@pytest.fixture(scope="module")
def fit():
    return fake_fit(4, 3)


def test_the_summary_tells_all_in_order(fit, tmp_path):
    (tmp_path / "report.html").touch()
    text = printed(terminal.summary(fit, tmp_path), width=200)
    order = ["SIMULATED DATA", "Left out:", "task_00", "converged", "Files in", "report.html"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "emergence.csv" not in text  # it was not written


@pytest.mark.parametrize("width", [80, 140])
def test_nothing_is_wider_than_the_console_or_lost(width):
    fit = fake_fit(4, 3)
    long = "hendrycksTest-high_school_government_and_politics"
    renamed = np.where(fit.draws["task"] == "task_00", long, fit.draws["task"])
    fit.draws = fit.draws.assign_coords(task=("curve", renamed))
    fit.data = fit.data.assign_coords(task=[long, *fit.data["task"].values[1:]])
    fit.states["task"] = fit.states["task"].replace("task_00", long)
    text = printed(terminal.task_table(fit, task_rows(fit)), width)
    assert max(map(len, text.splitlines())) <= width and "…" not in text
    assert (long in text) == (width > 80)


def test_each_task_has_its_numbers(fit):
    lines = printed(terminal.task_table(fit, task_rows(fit))).splitlines()
    flat = next(line for line in lines if "task_03" in line).split()
    assert flat[:3] == ["task_03", ">300B", ">300B"] and flat[4] == "0.01"
    first = task_rows(fit)[0]
    early = next(line for line in lines if first.task in line)
    assert f"{first.dispersion:.2f}" in early and "1.00" in early and "–" in early


def test_names_are_text_and_not_markup(fit, tmp_path):
    marked = fake_fit(2, 2, left_out=["[bold]task[/bold] x [/]"])
    assert "[bold]task[/bold] x [/]" in printed(terminal.summary(marked, tmp_path))


@pytest.mark.parametrize("kind", ["measured", "published"])
def test_the_first_line_says_the_origin(kind):
    assert printed(terminal.provenance_line(fake_fit(2, 2, kind=kind))).startswith(f"{kind} data: curves <drawn>")


def test_sizes_are_those_of_the_fit(fit):
    assert "3 models, 4 tasks, 12 curves, 240 cells, model trajectory, seed 1" in words(terminal.provenance_line(fit))


def test_nothing_left_out_and_one_explanation_take_no_line():
    fit = fake_fit(2, 2, left_out=[])
    assert terminal.left_out(fit) is None and terminal.explanations(fit) is None


def test_several_explanations_come_with_weights():
    both = [{"weight": 0.7, "sentence": "a slow rise", "chains": [0]}, {"weight": 0.3, "sentence": "x", "chains": [1]}]
    text = words(terminal.explanations(fake_fit(2, 2, explanations=both)))
    assert text == "Several explanations fit: - 70 %: a slow rise - 30 %: x"


def test_a_failed_fit_shows_its_advice():
    fit = fake_fit(2, 2, converged=False, status="low_ess", status_sentence="Run it longer.", divergences=3)
    text = words(terminal.status_line(fit))
    assert text.startswith("✗ low_ess: Run it longer.") and "3 divergences" in text


def test_a_falling_axis_is_explained(fit):
    falling = fake_fit(2, 2)
    rows = task_rows(falling)
    falling.axis = named("loss")
    assert "Half rise in loss, over models and draws; < means after" in words(terminal.task_table(falling, rows))


def test_a_pipe_is_wide_unless_columns_are_set(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal.console().width == 160
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal.console().width == 72
