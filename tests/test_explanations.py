"""When a posterior holds two explanations, and when it only looks wide."""

import numpy as np
import pytest

from emergelaw.explanations import SHARE, split


def cloud(seed, size, centre=(0, 0, 0)):
    return np.asarray(centre) + np.random.default_rng(seed).normal(size=(size, 3))


@pytest.mark.parametrize("seed", range(5))
def test_one_cloud_is_one_explanation(seed):
    assert split(cloud(seed, 1000)) is None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weight", [0.5, 0.2, 0.1])
def test_two_clouds_are_two_with_their_weights(seed, weight):
    few = int(2000 * weight)
    draws = np.r_[cloud(seed, few, (6, 0, 0)), cloud(seed + 100, 2000 - few)]
    label = split(draws)
    assert label is not None
    right = np.mean(label == np.r_[np.ones(few), np.zeros(2000 - few)])
    assert max(right, 1 - right) > 0.99


@pytest.mark.parametrize("seed", range(5))
def test_a_gap_in_one_feature_is_seen_beside_features_that_move_together(seed):
    draws = cloud(seed, 800)
    draws[:, 1:] = draws[:, :1] * [1, -1] + 0.1 * draws[:, 1:]
    gap = np.where(np.arange(800) < 300, 20.0, 0.0) + np.random.default_rng(seed).normal(size=800)
    label = split(np.c_[draws, gap])
    assert label is not None
    assert {*label[:300]} != {*label[300:]} and len({*label[:300]}) == len({*label[300:]}) == 1


def test_units_do_not_matter():
    draws = np.r_[cloud(1, 500, (6, 0, 0)), cloud(2, 500)]
    scaled = draws * [1e-6, 1e3, 1] + [5, -1e5, 0]
    assert (split(draws) == split(scaled)).all()


def test_a_sliver_is_no_explanation():
    few = int(0.5 * SHARE * 2000)
    assert split(np.r_[cloud(0, few, (8, 0, 0)), cloud(1, 2000 - few)]) is None


@pytest.mark.parametrize("seed", range(5))
def test_heavy_tails_skew_and_flat_plateaus_are_one(seed):
    rng = np.random.default_rng(seed)
    assert split(rng.standard_t(2, size=(2000, 3))) is None
    assert split(np.exp(rng.normal(size=(2000, 3)))) is None
    assert split(rng.random((2000, 3))) is None


def test_near_neighbours_are_one():
    assert split(np.r_[cloud(0, 1000), cloud(1, 1000, (1.5, 0, 0))]) is None
