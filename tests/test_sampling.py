"""The sampler on laws whose posterior is known: moments, weights of separate modes, seeds, divergences."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from tiny_fit import simulated, small_model
from toy_laws import APART, WEIGHT, Gaussian, TwoModes, Wall, untuned

from emergelaw import jumps, sampling
from emergelaw.chains import OFTEN, Chains, moved_by_trees
from emergelaw.design import design
from emergelaw.laws.trajectory import Trajectory
from emergelaw.nuts import WINDOW, Kernel
from emergelaw.sampling import GOAL_ESS, GOAL_RHAT, sample
from emergelaw.starts import descend
from emergelaw.target import target


@pytest.fixture(scope="module")
def gaussian():
    one = target(Gaussian(3))
    return one, Kernel(one)


@pytest.fixture(scope="module")
def gaussian_draws(gaussian):
    heard = []
    drawn = sample(gaussian[0], seed=1, progress=lambda *told: heard.append(told), kernel=gaussian[1])
    return drawn, heard


def test_a_gaussian_posterior_has_its_mean_and_covariance(gaussian_draws):
    drawn, _ = gaussian_draws
    flat = np.concatenate([drawn.values["own"], drawn.values["shared"][..., None]], axis=-1).reshape(-1, 4)
    mean, cov = Gaussian(3).posterior
    error = np.sqrt(np.diag(cov) / np.r_[drawn.ess["own"], drawn.ess["shared"]])
    assert (np.abs(flat.mean(0) - mean) < 4.5 * error).all()
    assert np.cov(flat.T) == pytest.approx(cov, abs=0.25 * np.trace(cov) / 4)


def test_sampling_stops_as_soon_as_the_draws_suffice(gaussian_draws):
    drawn, _ = gaussian_draws
    assert drawn.enough and drawn.max_rhat <= GOAL_RHAT and drawn.min_ess >= GOAL_ESS
    assert not drawn.diverging.any()
    chains, count = drawn.potential.shape
    assert chains == 4 and count < 4000 and count % WINDOW == 0
    assert all(v.shape[:2] == (chains, count) for v in drawn.values.values())
    assert drawn.gradients > drawn.leapfrogs.sum() > 0
    assert set(drawn.seconds) == {"compile", "warmup", "sample"}


def test_progress_is_told_in_draws_per_chain(gaussian_draws):
    drawn, heard = gaussian_draws
    warm = [done for phase, done, _ in heard if phase == "warm-up"]
    assert warm == list(range(WINDOW, heard[0][2] + 1, WINDOW))
    sampled = [done for phase, done, _ in heard if phase == "sampling"]
    assert sampled == list(range(WINDOW, drawn.potential.shape[1] + 1, WINDOW))


def test_the_potential_belongs_to_the_values(gaussian, gaussian_draws):
    drawn, law = gaussian_draws[0], Gaussian(3)
    mean, cov = law.posterior
    flat = np.concatenate([drawn.values["own"], drawn.values["shared"][..., None]], axis=-1)
    away = flat - mean
    energy = 0.5 * np.einsum("cdi,ij,cdj->cd", away, np.linalg.inv(cov), away)
    constant = drawn.potential - energy
    assert constant == pytest.approx(np.full(constant.shape, constant.mean()), abs=1e-6)


def test_equal_seeds_give_equal_draws_and_others_differ(gaussian, gaussian_draws):
    again, other = (sample(gaussian[0], seed=s, max_draws=250, kernel=gaussian[1]) for s in (1, 2))
    first = gaussian_draws[0].values["own"][:, :250]
    assert (again.values["own"] == first).all()
    assert not np.isin(other.values["own"], first).any()


def test_max_draws_is_a_limit(gaussian):
    drawn = sample(gaussian[0], max_draws=WINDOW, kernel=gaussian[1])
    assert drawn.potential.shape == (4, WINDOW) and not drawn.enough


def test_two_explanations_get_their_weights_wherever_the_chains_began():
    one = target(TwoModes())
    kernel = Kernel(one)
    for seed in range(2):
        drawn = sample(one, seed=seed, kernel=kernel)
        assert drawn.enough
        low = drawn.values["own"][..., 0] < 0
        error = np.sqrt(WEIGHT * (1 - WEIGHT) / drawn.min_ess)
        assert low.mean() == pytest.approx(WEIGHT, abs=4.5 * error)
        assert (np.abs(low.mean(1) - WEIGHT) < 0.25).all()  # every chain visits both
        assert drawn.values["own"][..., 0][low].mean() == pytest.approx(-APART / 2, abs=0.3)
        assert drawn.jumped[..., 0].mean() > 0.05


def test_redrawing_alone_keeps_the_posterior_of_rises_and_leaves_all_else():
    one = target(Wall())
    kernel = Kernel(one)
    tuning = untuned(kernel)
    state, draws = kernel.start(jnp.zeros(one.dim), 0.0, tuning), []
    for key in jax.random.split(jax.random.key(0), 4000 // WINDOW):
        state, info = kernel.advance(state, key, tuning, False, 0)  # no trajectory: depth 0
        assert not np.asarray(info.jumped).any()
        draws.append(np.asarray(info.z))
    z = np.concatenate(draws)
    assert (z[:, one.blocks[-1, 0]] == 0).all()
    truth = stats.truncnorm(-np.inf, Wall.HIGHEST)
    for own in z[:, one.blocks[:-1, 0]].T:
        assert stats.kstest(own[::3], truth.cdf).pvalue > 1e-3


def test_what_stands_before_a_wall_is_left_to_redrawing():
    drawn = sample(target(Wall(3)))
    assert drawn.enough
    rng = np.random.default_rng(0)
    shared = rng.normal(scale=0.5, size=400_000)
    kept = shared[(shared[:, None] + rng.normal(size=(len(shared), 3)) < Wall.HIGHEST).all(1)]
    error = kept.std() / np.sqrt(drawn.ess["shared"].item())
    assert drawn.values["shared"].mean() == pytest.approx(kept.mean(), abs=4.5 * error)
    assert drawn.values["shared"].std() == pytest.approx(kept.std(), rel=0.15)
    assert drawn.values["rise"].max() < Wall.HIGHEST
    assert (drawn.redrawn.mean((0, 1)) > OFTEN).all()


def test_only_rises_that_are_redrawn_often_are_held_by_trees():
    one = target(Wall(3))
    moves = np.asarray(moved_by_trees(Kernel(one), np.array([0.5, OFTEN / 2, 0.9])))
    assert (moves[one.blocks[:-1, 0]] == [0, 1, 0]).all() and moves[one.blocks[-1, 0]] == 1


def test_jumps_learn_of_an_explanation_that_warm_up_did_not_see():
    one = target(TwoModes())
    kernel, rng = Kernel(one), np.random.default_rng(0)
    before, after = rng.normal(size=(2, 4, 300, one.dim))
    after[:2, :, one.blocks[0, 0]] += APART
    run = Chains(kernel, untuned(kernel), [], [], history=[before])

    def reach(z):
        run.learn_jumps(z)
        proposed = jax.vmap(lambda key: jumps.propose(run.tuning.mixture, key))(
            jax.random.split(jax.random.key(0), 4000)
        )
        return np.mean(np.asarray(proposed)[:, 0, 0] > APART / 2)

    assert reach(after[:, :0]) < 0.02
    assert reach(after) == pytest.approx(0.25, abs=0.08)


def test_a_step_far_too_long_diverges_and_is_told(gaussian):
    one, kernel = gaussian
    for log_step, expected in ((-2.0, False), (6.0, True)):
        state = kernel.start(jnp.ones(one.dim), log_step, untuned(kernel))
        _, info = kernel.advance(state, jax.random.key(0), untuned(kernel), False, 6)
        assert np.asarray(info.diverging).all() == expected == np.asarray(info.diverging).any()


def test_the_compiled_program_calls_no_linear_algebra_that_waits_for_other_threads(gaussian):
    kernel = gaussian[1]
    tuning = untuned(kernel)
    state = kernel.start(jnp.ones(kernel.target.dim), 0.0, tuning)
    assert "lapack" not in kernel.advance.lower(state, jax.random.key(0), tuning, False, 6).as_text()


@pytest.mark.slow
def test_the_posterior_does_not_depend_on_the_centring(monkeypatch):
    fixed = tuple((windows, depth, False) for windows, depth, _ in sampling.WARMUP)
    monkeypatch.setattr(sampling, "WARMUP", fixed)
    one = target(Trajectory(small_model(), design(simulated())))
    kernel, found = Kernel(one), []
    for value in (0.0, 0.5, 1.0):
        inputs = one.inputs | {name: jnp.full(len(one.inputs[name]), value) for name in one.effects}
        found.append(sample(replace(one, inputs=inputs), max_draws=1000, kernel=kernel))
    names = ("floor", "ceiling_mean", "onset_mean", "onset_task", "width_mean", "dispersion_mean")
    for name in names:
        flat = [one.values[name].reshape(one.potential.size, -1) for one in found]
        mean, sd = (np.array([getattr(v, f)(0) for v in flat]) for f in ("mean", "std"))
        ess = np.array([one.ess[name] for one in found])
        error = np.sqrt(sd**2 / ess)
        assert (np.abs(mean[1:] - mean[0]) < 4.5 * np.hypot(error[1:], error[0])).all(), name


def test_descending_finds_the_bottom():
    value_and_gradient = jax.jit(jax.value_and_grad(lambda z: ((z - 3) ** 4).sum() + (z[0] - z[1]) ** 2))
    found, spent = descend(value_and_gradient, np.array([40.0, -30.0]))
    assert found == pytest.approx([3, 3], abs=0.05) and 0 < spent < 200


def test_descending_leaves_where_the_density_is_not_finite():
    value_and_gradient = jax.jit(jax.value_and_grad(lambda z: (z - jnp.log(z)).sum()))
    found, _ = descend(value_and_gradient, np.array([0.01]))
    assert found == pytest.approx([1], abs=1e-3)
