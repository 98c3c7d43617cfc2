"""Order of emergence: SciPy and naive loops as oracles, never kept apart, known orders found again."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import sigmoid_fit
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata, spearmanr

from emergelaw import emergence, order, ranks

INF = np.inf
values = st.sampled_from([1.0, 2.0, 3.0, 4.0, INF])


def orders(size):
    return st.lists(values, min_size=size, max_size=size).map(np.array)


@given(orders(7), orders(7))
def test_agreement_is_that_of_scipy(a, b):
    found = {name: v[0] for name, v in ranks.agreement(a[None], b[None]).items()}
    for end, used in (("", np.full(7, True)), ("_both", np.isfinite(a) & np.isfinite(b))):
        ra, rb = rankdata(a[used]), rankdata(b[used])
        if used.sum() < ranks.MIN_COMMON or len(set(ra)) < 2 or len(set(rb)) < 2:
            assert np.isnan(found[f"spearman{end}"])
        else:
            assert found[f"spearman{end}"] == pytest.approx(spearmanr(ra, rb).statistic)
            assert found[f"kendall{end}"] == pytest.approx(kendalltau(ra, rb).statistic)


@given(orders(6), orders(6))
def test_share_never_agrees_with_a_loop(a, b):
    alike = [
        (i, j) for i, j in combinations(range(6), 2) if (a[i] < a[j] and b[i] < b[j]) or (a[i] > a[j] and b[i] > b[j])
    ]
    resting = [p for p in alike if np.isinf(a[list(p)]).any() or np.isinf(b[list(p)]).any()]
    found = ranks.agreement(a[None], b[None])["share_never"][0]
    assert np.isnan(found) if not alike else found == pytest.approx(len(resting) / len(alike))


def test_draws_do_not_mix():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 9))
    together = ranks.agreement(a, b)
    apart = [ranks.agreement(a[i : i + 1], b[i : i + 1]) for i in range(5)]
    for name, found in together.items():
        np.testing.assert_allclose(found, [one[name][0] for one in apart])


@given(st.floats(0.1, 3), st.floats(-2, 2))
def test_only_the_order_within_each_model_counts(scale, shift):
    t = np.random.default_rng(1).normal(size=(4, 2, 5))
    moved = t.copy()
    moved[:, 0] = np.exp(scale * t[:, 0] + shift)
    np.testing.assert_allclose(ranks.lateness(moved), ranks.lateness(t))


def test_lateness_is_the_mean_borda_count_over_models_that_measured_a_task():
    t = np.array([[[1.0, 2.0, INF], [2.0, 1.0, np.nan]]])
    np.testing.assert_allclose(ranks.lateness(t), [[(-1 + 1) / 2, (0 - 1) / 2, 1]])


def test_consensus_ties_what_the_draws_leave_open():
    late = np.array([0.5, -0.5, 0.0, 0.01]) + 0.1 * np.random.default_rng(0).normal(size=(2000, 4))
    sequence, rank = ranks.consensus(late)
    assert sequence.tolist()[0] == 1 and set(sequence[1:3]) == {2, 3} and sequence[3] == 0
    assert rank.tolist() == [1, 2, 2, 4]


def test_after_has_three_states():
    t = np.array([3.0, 1.0, INF, 2.0, 2.0, 3.0])
    parts = np.array([[1, 2], [1, 2], [1, 2], [2, 1], [INF, 1], [1, INF]])
    assert ranks.after(t, parts) == pytest.approx((1 / 6, 3 / 6, 2 / 6))


ONSETS = {"early": 9.3, "middle": 10.0, "second": 10.6, "late": 13.0, "flat": 10.0, "twin": 10.0}


def curriculum(jitter=0.1):
    parts = {"second": "early;middle", "twin": "middle", "late": "early", "early": "unheard"}
    return sigmoid_fit.fit(
        jitter, samples=200, onsets=ONSETS, tasks=pd.DataFrame({"components": pd.Series(parts)}, index=list(ONSETS))
    )


@pytest.fixture(scope="module")
def found():
    return order.order(curriculum(), threshold=0.6)


def test_consensus_order_is_the_known_one(found):
    tasks = found.consensus["task"].tolist()
    assert tasks[0] == "early" and set(tasks[1:3]) == {"middle", "twin"} and tasks[3] == "second"
    assert found.consensus["rank"].tolist() == [1, 2, 2, 4, 5, 5]
    assert found.consensus["p_emerged"].tolist() == pytest.approx([1, 1, 1, 1, 0, 0], abs=0.02)
    assert found.emergence["task"].tolist() == [t for t in tasks for _ in range(2)]


def test_agreement_about_never_stands_apart(found):
    pair = found.pairs.iloc[0]
    assert (pair["n"], pair["n_both"]) == (6, 4)
    assert pair["spearman_low"] <= pair["spearman"] <= pair["spearman_high"]
    assert pair["spearman_both"] < pair["spearman"]
    assert 0.5 < pair["share_never"] < 0.75  # 8 of the 13 to 14 pairs that can be ordered alike hold a never


def test_the_papers_estimate_stands_beside(found):
    pair = found.pairs.iloc[0]
    assert (pair["paper_n"], pair["paper_n_both"]) == (6, 4)
    assert pair["paper_spearman"] > pair["spearman_low"]


def test_composites_against_their_components(found):
    table = found.composites.set_index(["model", "task", "component"]).sort_index()
    assert set(table.index.get_level_values("task")) == {"second", "twin", "late"}
    assert table.loc[("long", "second", order.ALL), "p_after"] > 0.95
    assert table.loc[("long", "late", "early"), "p_undecided"] == 1
    assert 0.2 < table.loc[("long", "twin", "middle"), "p_after"] < 0.8
    np.testing.assert_allclose(table.sum(axis=1), 1)


def test_compliance_adds_up_to_the_composites(found):
    row = found.compliance.set_index("model").loc["long"]
    assert row[["after", "before", "undecided"]].sum() == pytest.approx(3)
    assert row["paper_emerged"] + row["paper_never"] == 3


def test_fewer_tasks_emerge_at_higher_thresholds(found):
    assert found.sensitivity["threshold"].tolist() == [0.3, 0.5, 0.6, 0.8]
    assert (np.diff(found.sensitivity["p_emerged"]) <= 0).all()


def test_notes_name_what_limits_the_comparison():
    fit = curriculum()
    items = np.array([["s1"] * 6, ["s1"] * 6])
    items[1, 0] = "s2"
    fit.data = fit.data.assign_coords(item_set=(("model", "task"), items))
    differing, lacking = order.notes(fit.data)
    assert "1 task was scored on different items" in differing and differing.endswith(str(fit.data["task"].values[0]))
    assert lacking == "1 composite not scored in every model, because components were not measured there: early"
    pairs = order.pair_table(fit.data, order.by_model(emergence.points(fit)))
    assert pairs["other_items"].tolist() == [1]


def test_thinning_keeps_every_curve():
    points = emergence.points(sigmoid_fit.fit(0.1, samples=1001))
    t = order.by_model(points)
    assert t.sizes["sample"] <= order.MAX_DRAWS
    assert not np.isnan(t).any()
