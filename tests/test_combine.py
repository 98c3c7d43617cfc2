"""Merging, cutting and exporting keep every count, and vectors follow."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_data import data_sets, grid, some_vectors
from typer.testing import CliRunner

from emergelaw import combine, dataset, vectors
from emergelaw.cli.data import app
from emergelaw.errors import InputError

K = np.arange(24).reshape(2, 3, 4)
DS = grid(K, models=["org/a-1b", "org/b-7b"], tasks=["add", "add_three", "sub", "copy"])


def same_counts(a, b):
    return a.drop_attrs().identical(b.drop_attrs())


@given(data_sets(), st.data())
@settings(max_examples=10)
def test_merging_parts_in_any_order_gives_the_whole(ds, data):
    cells, *labels = dataset.tables(ds)
    which = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(cells), max_size=len(cells))))
    # overlapping parts: cells of part 2 are in both
    parts = [
        dataset.build(cells[keep], *labels, dataset.provenance(ds)) for keep in (which != 0, which != 1) if keep.any()
    ]
    for order in (parts, parts[::-1]):
        assert same_counts(combine.merge(order), ds)


def test_merge_with_itself_is_the_same():
    assert same_counts(combine.merge([DS, DS]), DS)


def test_merge_names_the_first_conflict():
    other = grid(np.where(K == 17, 99, K), models=["org/a-1b", "org/b-7b"], tasks=["add", "add_three", "sub", "copy"])
    with pytest.raises(
        InputError,
        match="expected equal counts where the data sets overlap, got 17 of 100 and 99 of "
        "100 for task 'add_three' of model 'org/b-7b' at tokens 2e",
    ):
        combine.merge([DS, other])


def test_merge_names_labels_that_disagree():
    other = DS.assign_coords(params=("model", [1e9, 2e9]))
    assert combine.merge([DS, other])["params"].values.tolist() == [1e9, 2e9]  # what one leaves open the other fills in
    with pytest.raises(InputError, match=r"expected one params for model 'org/b-7b', got 2000000000.0, 3000000000.0"):
        combine.merge([other, DS.assign_coords(params=("model", [1e9, 3e9]))])


def test_merge_refuses_one_name_for_different_items():
    sets = [DS.assign_coords(item_set=(("model", "task"), np.full((2, 4), s, object))) for s in ("s1", "s2")]
    with pytest.raises(InputError, match="expected equal item_set where the data sets overlap, got s1 and s2"):
        combine.merge(sets)


def test_merged_provenance_lists_all_and_simulated_wins():
    simulated = grid(K, models=["c", "d"], kind="simulated")
    about = dataset.provenance(combine.merge([DS, simulated]))
    assert about["kind"] == "simulated" and [s["kind"] for s in about["merged"]] == ["measured", "simulated"]


def test_subset_keeps_what_was_asked_for_and_nothing_else():
    cut = combine.subset(DS, models="*-7b", tasks="add*,copy", max_tokens=2e9)
    assert cut["model"].values.tolist() == ["org/b-7b"] and cut["task"].values.tolist() == ["add", "add_three", "copy"]
    expected = DS["n_correct"].sel(model=["org/b-7b"], task=["add", "add_three", "copy"]).values[:, :2]
    np.testing.assert_array_equal(cut["n_correct"].values, expected)
    assert dataset.provenance(cut)["subset"] == [{"models": "*-7b", "tasks": "add*,copy", "max_tokens": 2e9}]


@given(data_sets())
@settings(max_examples=8)
def test_subset_of_everything_is_everything(ds):
    assert same_counts(combine.subset(ds), ds)


def test_cutting_by_tokens_drops_tasks_and_models_not_yet_measured():
    n = np.full(K.shape, 100)
    n[0, :2] = 0
    n[:, :2, 1] = 0
    cut = combine.subset(grid(np.where(n > 0, K, 0), n), max_tokens=2e9)
    assert cut["model"].values.tolist() == ["m1"] and cut["task"].values.tolist() == ["t0", "t2", "t3"]


def test_names_with_brackets_match_themselves():
    ds = grid(K, tasks=["add [2]", "add [3]", "sub", "copy"])
    assert combine.subset(ds, tasks="add [2]")["task"].values.tolist() == ["add [2]"]


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ({"tasks": "adds"}, "expected a task that matches 'adds', got none among 4: the nearest names are 'add',"),
        ({"models": "org/*,x*"}, r"expected a model that matches 'x\*', got none among 2"),
        ({"max_tokens": 5}, r"up to 5 tokens, got none \(the first are at 1e\+09\)"),
    ],
)
def test_empty_subsets_are_errors(cut, message):
    with pytest.raises(InputError, match=message):
        combine.subset(DS, **cut)


@pytest.mark.parametrize("unknown", [slice(None), slice(1)])
def test_steps_alone_cannot_be_cut_by_tokens(unknown):
    ds = DS.copy(deep=True)
    ds["tokens"].values[1, unknown] = np.nan
    with pytest.raises(InputError, match="got steps alone for model 'org/b-7b'"):
        combine.subset(ds, max_tokens=2e9)


def test_vectors_follow_a_cut_and_later_ones_are_gone():
    made = some_vectors(DS)
    cut = combine.subset(DS, models="*7b", tasks="add,copy", max_tokens=2e9)
    kept = combine.follow(made, DS, cut)
    assert list(kept) == ["org/b-7b"]
    assert kept["org/b-7b"]["fv_checkpoint"].values.tolist() == [0, 1]
    np.testing.assert_array_equal(kept["org/b-7b"]["hidden"].values, made["org/b-7b"]["hidden"].values[:2][:, [0, 2]])


def test_vectors_are_renumbered_when_a_merger_adds_earlier_checkpoints():
    late = grid(K[:, 1:], tokens=[2e9, 3e9])
    early = grid(K[:, :1], tokens=[1e9])
    merged = combine.merge([late, early])
    made = some_vectors(late)
    moved = combine.merge_vectors([(late, made), (early, {})], merged)
    assert moved["m0"]["fv_checkpoint"].values.tolist() == [1, 2]
    np.testing.assert_array_equal(moved["m0"]["hidden"].values, made["m0"]["hidden"].values)
    with pytest.raises(InputError, match="expected the function vectors of model 'm0' in one of the data sets"):
        combine.merge_vectors([(late, made), (late, some_vectors(late, seed=1))], late)


def test_a_checkpoint_with_vectors_but_no_counts_stays(tmp_path):
    n = np.full(K.shape, 100)
    n[:, 1] = 0
    ds = DS.assign(n_trials=(DS["n_trials"].dims, n), n_correct=(DS["n_trials"].dims, np.where(n > 0, K, 0)))
    cut = combine.subset(ds, tasks="sub")
    assert combine.follow(some_vectors(ds), ds, cut)["org/a-1b"]["fv_checkpoint"].values.tolist() == [0, 1, 2]


def test_exported_table_holds_every_count_and_comes_back(tmp_path):
    from emergelaw.importers import table

    models = {"params": ("model", [1e9, 7e9]), "family": ("model", ["f", "g"])}
    ds = DS.assign_coords(models | {"chance": ("task", [0, 0.5, 0.25, 0])})
    frame = pd.read_csv(combine.export_csv(ds, tmp_path / "x.csv"))
    assert len(frame) == K.size and frame["k"].sum() == K.sum()
    back = table.IMPORTER.read([tmp_path / "x.csv"])
    again = dataset.build(back.cells, back.models, back.tasks, back.provenance)
    for name in ("n_correct", "n_trials", "tokens", "step", "params", "family", "chance", "model", "task"):
        np.testing.assert_array_equal(again[name].values, ds[name].values, err_msg=name)


def run(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_commands(tmp_path):
    source = dataset.save(DS, tmp_path / "x.nc", some_vectors(DS))
    said = run("subset", source, "--models", "*7b", "--tasks", "add*", "--max-tokens", "2e9", "-o", tmp_path / "y.nc")
    assert "1 models, 2 tasks, 4 cells" in said
    assert vectors.open(tmp_path / "y.nc")["org/b-7b"].sizes["fv_checkpoint"] == 2
    run("subset", source, "--models", "*1b", "-o", tmp_path / "z.nc")
    assert "2 models, 4 tasks, 16 cells" in run("merge", tmp_path / "y.nc", tmp_path / "z.nc", "-o", tmp_path / "m.nc")
    assert set(vectors.open(tmp_path / "m.nc")) == {"org/a-1b", "org/b-7b"}
    assert "24 rows" in run("export", source, "--csv", tmp_path / "x.csv")
