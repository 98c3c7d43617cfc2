"""Outcomes of single items: what is written comes back, follows cuts and mergers, and adds up to the counts."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_data import PUBLISHED, data_sets, grid
from result_files import items as item_records
from result_files import lines, new_file, write

from emergelaw import cli, combine, dataset, items
from emergelaw.errors import InputError

STAMP = "2025-08-12T17-53-38.528277"


def invented(ds, seed=0) -> pd.DataFrame:
    """Cells of ds with items that add up to their counts, in random order; every third cell has none."""
    rng = np.random.default_rng(seed)
    cells = dataset.tables(ds)[0]
    cells = cells[cells["n_trials"] > 0]
    right = [rng.permutation(np.arange(n) < k) for k, n in zip(cells["n_correct"], cells["n_trials"], strict=True)]
    found = [{f"i{j}": bool(r) for j, r in enumerate(one)} if c % 3 else None for c, one in enumerate(right)]
    return cells.assign(items=found)


def small() -> tuple:
    ds = grid(np.arange(12).reshape(2, 3, 2), n=20)
    return ds, items.of_cells(ds, invented(ds))


@given(data_sets(), st.integers(0, 99))
@settings(max_examples=10)
def test_items_add_up_and_survive_their_file(tmp_path_factory, ds, seed):
    cells = invented(ds, seed)
    found = items.of_cells(ds, cells)
    if not cells["items"].notna().any():
        assert found is None
        return
    path = dataset.save(ds, tmp_path_factory.mktemp("items") / "x.nc", items=found)
    assert items.open(path).equals(found)
    known = cells[cells["items"].notna()]
    assert int((found["outcome"] >= 0).sum()) == known["n_trials"].sum()
    assert int((found["outcome"] == 1).sum()) == known["n_correct"].sum()
    assert items.build(ds, items.records(ds, found)).equals(found)


def test_parts_follow_a_cut_and_make_the_whole_again():
    ds, found = small()
    cuts = [combine.subset(ds, tasks=task) for task in ("t0", "t1")]
    parts = [(cut, items.follow([(ds, found)], cut)) for cut in cuts]
    assert set(parts[0][1]["task"].values) == {"t0"}
    assert items.follow(parts, combine.merge([cut for cut, _ in parts])).equals(found)
    early = combine.subset(ds, max_tokens=1e9)
    assert items.validate(early, items.follow([(ds, found)], early)).sizes["checkpoint"] == 1
    assert items.follow([(ds, None)], ds) is None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: f.assign(outcome=f["outcome"].clip(max=0)),
            "expected the items of task 't.' of model 'm.' at checkpoint . to add up",
        ),
        (lambda f: f.assign(outcome=f["outcome"] + 1), "expected outcomes 1, 0 or -1 of items, got 2 at most"),
        (lambda f: f.isel(row=slice(1, None)), r"to add up to \d+ of 20, got \d+ of 19: import the source again"),
        (lambda f: f.isel(checkpoint=slice(1)), "expected items of models, checkpoints and tasks of the data set"),
        (lambda f: f.assign(task=f["model"]), "expected items of models, checkpoints and tasks of the data set"),
        (lambda f: f.transpose(), r"expected outcome over \(row, checkpoint\) among the items"),
        (lambda f: f.assign(item=f["item"] + "\n"), "expected printable text for item, got 'i"),
    ],
)
def test_items_that_do_not_belong_are_not_saved(tmp_path, spoil, message):
    ds, found = small()
    with pytest.raises(InputError, match=message):
        dataset.save(ds, tmp_path / "x.nc", items=spoil(found))
    assert not list(tmp_path.iterdir())


def test_contradicting_outcomes_and_files_without_items_are_named(tmp_path):
    ds, found = small()
    path = dataset.save(ds, tmp_path / "x.nc")
    assert not items.present(path)
    with pytest.raises(InputError, match=r"expected outcomes of items in .*x.nc, got a data set of counts alone"):
        items.open(path)
    other = found.assign(outcome=found["outcome"].where(found["outcome"] < 0, 1 - found["outcome"]))
    with pytest.raises(InputError, match="expected one outcome per item and checkpoint, got a right and a wrong one"):
        items.follow([(ds, found), (ds, other)], ds)


def test_the_commands_carry_items_along(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    new_file(tmp_path / "out", {"toy_a": (4, 20), "toy_b": (6, 20)})
    write(tmp_path / "out" / "EleutherAI__pythia-70m" / f"samples_toy_a_{STAMP}.jsonl", lines(item_records(4, 20)))
    for line in (
        "import lm-eval out -o x.nc",
        "data subset x.nc --tasks toy_a -o a.nc",
        "data subset x.nc --tasks toy_b -o b.nc",
        "data merge a.nc b.nc -o c.nc",
        "data describe c.nc",
    ):
        monkeypatch.setattr(sys, "argv", ["emergelaw", *line.split()])
        with pytest.raises(SystemExit, match="0"):
            cli.main()
    assert "outcomes of single items: 20" in capsys.readouterr().out
    assert items.open("x.nc").equals(items.open("c.nc")) and not items.present("b.nc")
    assert items.open("c.nc")["outcome"].values[:, 0].sum() == 4


def test_items_of_the_original_elementaltask_files_are_those_of_the_published_recount(shared_data):
    from emergelaw.importers import elementaltask

    imported = elementaltask.read([shared_data / "ich" / "raw_sample.tar.gz"])
    ds = dataset.build(imported.cells, imported.models, imported.tasks, PUBLISHED)
    found = items.of_cells(ds, imported.cells)
    assert items.validate(ds, found) is found
    with_items = imported.cells["items"].notna()
    assert int((found["outcome"] >= 0).sum()) == imported.cells.loc[with_items, "n_trials"].sum() > 1000
