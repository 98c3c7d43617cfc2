"""The data contract: what is written comes back, byte for byte; what is wrong is named where it is."""

import json
import stat

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from random_data import PUBLISHED, data_sets, grid

from emergelaw import dataset
from emergelaw.errors import InputError

CELLS = pd.DataFrame({"model": "m", "task": ["t", "u"], "tokens": 1e9, "n_correct": [3, 4], "n_trials": [10, 10]})
MODELS, TASKS = pd.DataFrame(index=["m"]), pd.DataFrame(index=["t", "u"])


def build(cells=CELLS, models=MODELS, tasks=TASKS, provenance=PUBLISHED):
    return dataset.build(cells, models, tasks, provenance)


@given(data_sets())
@settings(max_examples=12)
def test_written_and_read_is_the_identity(tmp_path_factory, ds):
    folder = tmp_path_factory.mktemp("identity")
    read = dataset.open(dataset.save(ds, folder / "a.nc"))
    assert read.identical(ds)
    assert dataset.provenance(read) == {**PUBLISHED, "contract": dataset.CONTRACT}
    dataset.save(read, folder / "b.nc")
    assert (folder / "a.nc").read_bytes() == (folder / "b.nc").read_bytes()


@given(data_sets())
@settings(max_examples=40)
def test_tables_are_the_inverse_of_build(ds):
    assert dataset.build(*dataset.tables(ds), dataset.provenance(ds)).identical(ds)


@given(data_sets())
@settings(max_examples=20)
def test_every_count_lands_in_its_cell_whatever_the_order_of_rows(ds):
    cells, models, tasks = dataset.tables(ds)
    shuffled = dataset.build(cells.sample(frac=1, random_state=1), models[::-1], tasks[::-1], dataset.provenance(ds))
    assert shuffled.identical(ds)
    for row in cells.sample(min(len(cells), 5), random_state=2).itertuples():
        cell = ds.sel(model=row.model, task=row.task)
        axis = "tokens" if np.isfinite(row.tokens) else "step"
        at = np.flatnonzero(cell[axis].values == getattr(row, axis))
        assert cell["n_correct"].values[at] == row.n_correct and cell["n_trials"].values[at] == row.n_trials


def test_order_of_variables_and_attributes_does_not_change_the_bytes(tmp_path):
    ds = grid(np.arange(12).reshape(2, 3, 2)).assign_attrs(another="x")
    turned = xr.Dataset(
        {v: ds[v].variable for v in reversed(list(ds.data_vars))},
        {c: ds[c].variable for c in reversed(list(ds.coords))},
        dict(reversed(ds.attrs.items())),
    )
    assert dataset.save(ds, tmp_path / "a").read_bytes() == dataset.save(turned, tmp_path / "b").read_bytes()


def test_long_provenance_and_numpy_values_survive(tmp_path):
    ds = build(provenance={**PUBLISHED, "import_log": ["ä" * 1000] * 500, "seed": np.int64(3)})
    about = dataset.provenance(dataset.open(dataset.save(ds, tmp_path / "a.nc")))
    assert len(about["import_log"]) == 500 and about["seed"] == 3


def test_ragged_grids_are_padded_and_ordered_by_tokens():
    cells = pd.DataFrame(
        {"model": ["a", "a", "b"], "task": "t", "tokens": [5e9, 0, 7e9], "n_correct": [2, 1, 3], "n_trials": 4}
    )
    ds = dataset.build(cells, MODELS, TASKS, PUBLISHED)
    assert ds["tokens"].values.tolist()[0] == [0, 5e9] and np.isnan(ds["tokens"].values[1, 1])
    assert ds["n_correct"].values[:, :, 0].tolist() == [[1, 2], [3, 0]]
    assert ds["n_trials"].dtype == np.int64 and ds["n_trials"].values[1, 1, 0] == 0


def test_an_axis_with_gaps_does_not_order_the_checkpoints():
    cells = pd.DataFrame({"model": "m", "task": "t", "step": [0, 10, 20], "tokens": [0, np.nan, np.nan]})
    ds = dataset.build(cells.assign(n_correct=[1, 2, 3], n_trials=4), MODELS, TASKS, PUBLISHED)
    assert ds["step"].values.tolist() == [[0, 10, 20]] and ds["n_correct"].values[0, :, 0].tolist() == [1, 2, 3]


def test_design_variables_keep_their_type():
    models = pd.DataFrame({"design_lr": [0.1], "design_optimizer": ["adam"], "design_dedup": [True]}, ["m"])
    ds = build(models=models)
    assert ds["design_lr"].item() == 0.1 and ds["design_optimizer"].item() == "adam" and ds["design_dedup"].item() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_correct": [3.5, 4]}, r"expected n_correct to be a whole number, got .*3\.5.* for task 't' of model 'm'"),
        ({"n_correct": [np.nan, 4]}, "expected n_correct to be a whole number, got .*nan"),
        ({"n_correct": [11, 4]}, r"got 11 of 10 at model 'm', checkpoint 0 \(tokens 1e\+09\), task 't'"),
        ({"n_correct": [-1, 4]}, "expected n_correct ≥ 0, got -1 of 10 at model 'm'"),
        ({"n_trials": [-5, 10], "n_correct": [0, 1]}, "expected n_trials ≥ 0, got 0 of -5"),
        ({"task": ["t", "t"]}, "expected one count per .* got two for task 't' of model 'm'"),
        ({"task": ["t", None]}, "expected a model and a task for every cell, got none in row 1"),
        ({"task": ["t", ""]}, "expected every task to have a name, got ''"),
        ({"tokens": [np.nan, 1e9]}, "expected tokens or step for every cell, got neither for task 't'"),
        ({"tokens": [np.inf, np.inf]}, "expected tokens to be a number ≥ 0, got inf at model 'm'"),
        ({"loss": [2.0, 3.0]}, "expected one loss for checkpoint 0 of model 'm', got 2, 3"),
        ({"flops": [-2.0, -2.0]}, "expected flops to be a number ≥ 0, got -2 at model 'm'"),
        ({"metric_log_prob": [-np.inf, -1.0]}, "expected finite log_prob or NaN, got -inf at model 'm'.*'t'"),
    ],
)
def test_bad_cells_are_named(change, message):
    with pytest.raises(InputError, match=message):
        build(CELLS.assign(**change))


@pytest.mark.parametrize(
    ("models", "tasks", "message"),
    [
        ({"params": [-1]}, {}, "expected params a number > 0, or nothing, got -1 for model 'm'"),
        ({"params": ["big"]}, {}, "expected params of model 'm' to be a number, got 'big'"),
        ({"seed": [np.inf]}, {}, "expected seed a number, or nothing, got inf for model 'm'"),
        ({}, {"chance": [1.0, 0]}, r"expected chance in \[0, 1\), got 1 for task 't'"),
        ({}, {"n_shots": [-1, 0]}, "expected n_shots a number ≥ 0, or nothing, got -1 for task 't'"),
        ({}, {"kind": ["composit", ""]}, r"expected kind of task 't' .* got 'composit' \(did you mean 'composite'\?\)"),
    ],
)
def test_bad_labels_are_named(models, tasks, message):
    with pytest.raises(InputError, match=message):
        build(models=MODELS.assign(**models), tasks=TASKS.assign(**tasks))


@pytest.mark.parametrize("dtype", ["str", "string", "category", object])
def test_labels_may_have_any_type_of_text(dtype):
    models = pd.DataFrame({"design_optimizer": pd.Series(["adam", None], dtype=dtype)}).set_index(pd.Index(["m", "o"]))
    ds = build(pd.concat([CELLS, CELLS.assign(model="o")]), models)
    assert ds["design_optimizer"].values.tolist() == ["adam", ""] and ds["design_optimizer"].dtype == object


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "\n"])
@pytest.mark.parametrize("place", ["task", "model", "checkpoint_name", "item_set", "family", "design_x"])
def test_text_that_no_file_can_hold_is_refused(odd, place):
    texts = {"model": "m", "task": "t", "item_set": "", "checkpoint_name": "", "family": "", "design_x": ""}
    texts[place] = f"a{odd}"
    frame = pd.DataFrame({c: pd.Series([text], dtype=object) for c, text in texts.items()})
    cells = frame[["model", "task", "item_set", "checkpoint_name"]].assign(step=1, n_correct=1, n_trials=2)
    models, tasks = frame.set_index("model")[["family", "design_x"]], frame.set_index("task")[[]]
    for _ in range(2):  # pandas fails in another way the second time
        with pytest.raises(InputError, match=r"expected printable text for (names|\w+), got 'a\\"):
            build(cells, models, tasks)


def test_half_characters_in_the_provenance_are_refused():
    with pytest.raises(InputError, match="expected printable text in the provenance"):
        build(provenance={**PUBLISHED, "title": "\ud800"})


def test_spoiled_text_in_a_data_set_is_named():
    ds = grid(np.full((1, 3, 2), 5)).assign_coords(family=("model", np.array(["a\x00"], object)))
    with pytest.raises(InputError, match=r"expected printable text for family, got 'a\\x00'"):
        dataset.validate(ds)


def test_tables_that_cannot_be_read_are_named():
    with pytest.raises(InputError, match="expected at least one cell with its counts, got none"):
        build(CELLS[:0])
    with pytest.raises(InputError, match="got no column n_trials"):
        build(CELLS.drop(columns="n_trials"))
    with pytest.raises(InputError, match="expected a step or a tokens column"):
        build(CELLS.drop(columns="tokens"))
    with pytest.raises(InputError, match="expected one row per model in the model table, got 'm' twice"):
        build(models=pd.DataFrame(index=["m", "m"]))
    with pytest.raises(InputError, match=r"expected provenance kind to be one of .*, got 'invented'"):
        build(provenance={"kind": "invented"})


def test_one_curve_never_mixes_item_sets():
    cells = CELLS.assign(task="t", step=[1, 2], item_set=["a", "b"])
    with pytest.raises(InputError, match="expected one item_set for task 't' of model 'm', got 'a', 'b'"):
        build(cells)


def test_validate_names_every_violation():
    ds = grid(np.full((1, 3, 2), 5))
    ds["n_correct"].values[0, 1] = 200
    ds["tokens"].values[0, 2] = 1e9
    ds["chance"].values[1] = np.nan
    found = dataset.violations(ds)
    assert len(found) == 4 and sum("200 of 100" in s for s in found) == 2
    assert any("expected tokens of model 'm0' to rise from checkpoint to checkpoint, got 2e+09" in s for s in found)
    assert any("expected chance in [0, 1), got nan for task 't1'" in s for s in found)
    with pytest.raises(InputError, match=r"(?s)200 of 100.*nan for task"):
        dataset.validate(ds)


def test_measured_checkpoints_need_a_place():
    ds = grid(np.full((1, 3, 2), 5))
    ds["tokens"].values[0, 1] = ds["step"].values[0, 0] = np.nan
    with pytest.raises(InputError, match="every measured checkpoint of model 'm0' to have tokens, or every one a step"):
        dataset.validate(ds)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda ds: ds.drop_vars("tokens"), r"expected tokens over \(model, checkpoint\), got nothing"),
        (
            lambda ds: ds.transpose("task", ...),
            r"expected n_correct over \(model, checkpoint, task\), got it over \(task",
        ),
        (lambda ds: ds.assign_coords(params=("model", ["x"])), "expected params over .* got values of type"),
        (lambda ds: ds.assign(n_correct=ds["n_correct"] / 2), "expected n_correct to be integers, got float64"),
        (lambda ds: ds.assign(extra=("task", [1.0, 2.0])), "expected metric extra as real numbers over"),
        (lambda ds: ds.assign_coords(model=[""]), "expected every model to have a name, got ''"),
        (lambda ds: ds.assign_coords(task=["t", "t"]), "expected task names to be unique, got 't' more than once"),
        (
            lambda ds: ds.assign_attrs(emergelaw="{broken"),
            "expected the attribute 'emergelaw' to hold .* got '{broken'",
        ),
        (lambda ds: ds.assign_attrs(emergelaw="[1]"), "expected the attribute 'emergelaw' to hold"),
        (lambda ds: ds.drop_attrs(), "expected the provenance in the attribute 'emergelaw', got none"),
    ],
)
def test_spoiled_data_sets_are_not_saved(tmp_path, spoil, message):
    with pytest.raises(InputError, match=message):
        dataset.save(spoil(grid(np.full((1, 3, 2), 5))), tmp_path / "x.nc")
    assert list(tmp_path.iterdir()) == []


def test_writing_replaces_whole_files_or_nothing(tmp_path, monkeypatch):
    old = dataset.save(grid(np.full((1, 3, 2), 5)), tmp_path / "x.nc")
    before = old.read_bytes()

    def half(self, path, **_):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(xr.Dataset, "to_netcdf", half)
    with pytest.raises(KeyboardInterrupt):
        dataset.save(grid(np.full((1, 3, 2), 6)), old)
    assert old.read_bytes() == before and list(tmp_path.iterdir()) == [old]


def test_files_are_readable_as_any_other_new_file(tmp_path):
    (tmp_path / "plain").write_text("x")
    saved = dataset.save(build(), tmp_path / "x.nc")
    assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"expected to be able to write .*x.nc, got .*: choose another place"):
        dataset.save(build(), tmp_path / "file" / "x.nc")


@pytest.mark.parametrize("place", [".", "", "folder"])
def test_a_folder_is_no_file_to_write(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"expected the name of a file to write, got the folder .*: add a file name"):
        dataset.save(build(), place)


def test_unreadable_files_have_one_sentence_each(tmp_path):
    good = dataset.save(grid(np.arange(60).reshape(2, 15, 2)), tmp_path / "good.nc").read_bytes()
    bad = tmp_path / "bad.nc"
    for content, message in (
        (b"model,task\n", "got another format"),
        (b"", "got another format"),
        (b"CDF\x01" + b"\0" * 200, "got another format"),
        (good[:3000], "truncated or damaged"),
        (good[:-1], "truncated or damaged"),
        (good[:8], "truncated or damaged"),
    ):
        bad.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            dataset.open(bad)
        assert str(bad) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match="found no file: make one with"):
        dataset.open(tmp_path / "nowhere.nc")
    with pytest.raises(InputError, match="found a folder"):
        dataset.open(tmp_path)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        (json.dumps({"contract": 99}), "expected data contract 1 or older in .*, got 99: upgrade emergelaw"),
        ("{not json", "expected the provenance of .* as one JSON object .*, got '{not json'"),
        ('"text"', "expected the provenance of .* as one JSON object"),
        (json.dumps({"contract": "one"}), "expected the provenance of .* with a contract number"),
        (None, "got a netCDF file without its provenance"),
    ],
)
def test_foreign_newer_and_broken_provenance(tmp_path, attribute, message):
    ds = grid(np.full((1, 3, 2), 5)).drop_attrs()
    ds = ds if attribute is None else ds.assign_attrs(emergelaw=attribute)
    ds.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=message):
        dataset.open(tmp_path / "x.nc")
