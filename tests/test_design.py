"""The arrangement of a data set for a law: against a plain loop over its cells."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from random_data import data_sets, grid

from emergelaw.design import design
from emergelaw.errors import InputError


def by_loop(ds):
    """Return {(model, task): [(checkpoint, k, n, tokens)]} of everything measured."""
    cells = {}
    for m, c, t in np.argwhere(ds["n_trials"].values > 0):
        k, n = (int(ds[v].values[m, c, t]) for v in ("n_correct", "n_trials"))
        key = str(ds["model"].values[m]), str(ds["task"].values[t])
        cells.setdefault(key, []).append((c, k, n, ds["tokens"].values[m, c]))
    return cells


def named_task(d, curve):
    return d.tasks[d.task[curve]].rsplit(" @", 1)[0]


@settings(max_examples=40)
@given(data_sets().filter(lambda ds: np.isfinite(ds["tokens"].values).any()))
def test_every_measured_cell_is_there_once_and_nothing_else(ds):
    wanted = by_loop(ds)
    if not any(t > 0 for rows in wanted.values() for *_, t in rows):
        with pytest.raises(InputError, match="expected at least one trained checkpoint"):
            design(ds)
        return
    d = design(ds)
    assert len(d.task) == len(wanted) and d.measured.sum() == sum(map(len, wanted.values()))
    for curve in range(len(d.task)):
        rows = wanted[d.models[d.model[curve]], named_task(d, curve)]
        assert d.measured[curve].tolist() == [i < len(rows) for i in range(d.k.shape[1])]  # left-aligned
        here = slice(len(rows))
        assert d.column[curve, here].tolist() == [c for c, *_ in rows]
        assert d.k[curve, here].tolist() == [k for _, k, *_ in rows]
        assert d.n[curve, here].tolist() == [n for _, _, n, _ in rows]
        tokens = np.array([t for *_, t in rows])
        assert d.untrained[curve, here].tolist() == (tokens == 0).tolist()
        assert d.x[curve, here][tokens > 0] == pytest.approx(np.log10(tokens[tokens > 0]))
    assert np.isfinite(d.x).all()


@given(st.integers(0, 10_000))
@settings(max_examples=10)
def test_what_was_not_measured_cannot_reach_a_law_as_a_number(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 2, (2, 4, 3)) * 10
    n[:, -1] = 10
    d = design(grid(np.minimum(n, 3), n))
    assert (d.n[~d.measured] == 1).all() and (d.k[~d.measured] == 0).all()
    assert not d.untrained[~d.measured].any()


def test_checkpoints_without_tokens_lie_at_the_floor_and_leave_the_range_alone():
    d = design(grid(np.full((1, 3, 1), 50), tokens=[0, 1e9, 1e11]))
    assert d.untrained.tolist() == [[True, False, False]]
    assert d.span == (9.0, 11.0) and d.x[0, 0] == 9.0


def test_equal_names_over_different_items_are_different_tasks():
    ds = grid(np.full((3, 2, 2), 50))
    ds["item_set"] = ("model", "task"), [["a", "x"], ["a", "x"], ["b", "x"]]
    ds["chance"] = "task", [0.25, 0.5]
    d = design(ds)
    assert d.tasks == ["t0 @a", "t0 @b", "t1"]
    assert d.chance.tolist() == [0.25, 0.25, 0.5]
    assert [(d.models[m], d.tasks[t]) for m, t in zip(d.model, d.task, strict=True)] == [
        ("m0", "t0 @a"), ("m0", "t1"), ("m1", "t0 @a"), ("m1", "t1"), ("m2", "t0 @b"), ("m2", "t1"),
    ]  # fmt: skip


def test_sizes_are_centred_decades_of_parameters():
    ds = grid(np.full((3, 2, 1), 50))
    ds["params"] = "model", [1e8, 1e9, 1e10]
    d = design(ds)
    assert d.size.tolist() == [-1, 0, 1] and d.notes == [] and d.levels["size"]


def test_an_unknown_size_is_said_and_not_guessed():
    ds = grid(np.full((2, 2, 1), 50))
    ds["params"] = "model", [1e8, np.nan]
    d = design(ds)
    assert d.size.tolist() == [0, 0] and not d.levels["size"]
    assert d.notes == ["no effect of model size was fitted: the parameter count of at least one model is unknown"]
    ds["params_total"] = "model", [2e8, 2e9]
    assert design(ds).size.tolist() == [-0.5, 0.5] and not design(ds).notes


def test_a_level_exists_where_the_data_can_tell_it_apart():
    ds = grid(np.full((4, 2, 2), 50))
    ds["params"] = "model", [1e8] * 4
    ds["family"] = "model", ["a", "b", "c", "d"]
    assert design(ds).levels == {"task": True, "size": False, "family": False, "model": True, "curve": True}
    ds["family"] = "model", ["a", "a", "c", "d"]
    assert design(ds).levels["family"]
    one = ds.isel(model=[0], task=[0])
    assert design(one).levels == dict.fromkeys(("task", "size", "family", "model", "curve"), False)


def test_the_loss_axis_runs_towards_smaller_losses():
    ds = grid(np.full((1, 3, 1), 50)).assign_coords(loss=(("model", "checkpoint"), [[5.0, 3.0, 2.0]]))
    d = design(ds, "loss")
    assert d.x.tolist() == [[-5, -3, -2]] and d.span == (-5, -2)


def test_nothing_measured_is_bad_input():
    ds = grid(np.full((1, 2, 1), 50))
    with pytest.raises(InputError, match="expected at least one measured curve, got none: check the filters"):
        design(ds.assign(n_trials=ds["n_trials"] * 0))
