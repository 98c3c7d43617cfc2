"""The trajectory law: every (task, model) curve is one rise from a floor to a ceiling, partially pooled.

    accuracy = floor + (ceiling − floor) · F((x − onset) / width)

The floor belongs to the task. Every other parameter is a mean plus the terms its pooling line names: task, size (a
slope on log10 parameters, by task), family, model and curve. All live on scales without bounds, see
`models/trajectory.toml`.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from emergelaw.curves import Curve, curve
from emergelaw.design import Design
from emergelaw.likelihoods import likelihood
from emergelaw.modelfile import ModelFile, parameters_of
from emergelaw.target import LIKELIHOOD

PARAMS = ("floor", "ceiling", "onset", "width", "dispersion", "shape", "drop", "lag")  # of one curve, natural scales
EDGES = ("flat", "mastered")  # where tasks end that do not rise, or rise all the way
EDGE = 1e-6  # probabilities stay this far from 0 and 1


class Trajectory:
    """The NumPyro model for one design.

    Call it with the centring of every varying effect, in [0, 1] per element, and the counts if not those of the design.
    """

    def __init__(self, model: ModelFile, design: Design):
        self.model, self.design = model, design
        self.curve, self.likelihood = curve(model.curve), likelihood(model.likelihood)
        self.data = {"n_correct": jnp.asarray(design.k)}
        # the task of each element of a site, -1 where tasks share it
        self.groups: dict[str, np.ndarray] = {"floor": np.arange(len(design.tasks)), LIKELIHOOD: design.task}
        self.effects: dict[str, int] = {}  # name and number of elements of every varying effect
        self.rise: set[str] = set()  # sites that say how a task rises: free as the prior where it does not
        self.centred = ("ceiling_task",)  # effects with more levels than one scale describes, which they cannot follow

    def __call__(self, inputs: Mapping[str, jax.Array] | None = None):
        d, inputs = self.design, self.data | dict(inputs or {})
        low, high = d.span
        chance = dist.TruncatedNormal(jnp.asarray(d.chance), self.model.priors["floor_sd"].scale, low=0.0, high=1.0)
        with numpyro.plate("task", len(d.tasks)):
            floor = numpyro.sample("floor", chance)[d.task]
        free = {
            name: self._parameter(name, inputs, low, high)
            for name in parameters_of(self.model.curve, self.model.likelihood, self.model.decline)
        }
        params = natural(free, floor)
        for name, value in params.items():
            if name != "floor":
                numpyro.deterministic(name, value)
        p = accuracy(self.curve, {k: v[:, None] for k, v in params.items()}, d.x, d.untrained)
        noise = params.get("dispersion", jnp.ones(1))[:, None]
        log_prob = self.likelihood.log_prob(inputs["n_correct"], d.n, p, noise)
        numpyro.factor(LIKELIHOOD, jnp.where(d.measured, log_prob, 0.0).sum(-1))

    def _parameter(self, name: str, centring: Mapping, low: float, high: float) -> jax.Array:
        """Return one parameter of every curve as mean plus effects."""
        d = self.design
        shift, unit = {"onset": (low, high - low), "width": (np.log((high - low) / 4), 1.0)}.get(name, (0.0, 1.0))
        terms = [t for t in self.model.terms(name) if d.levels[t]]
        total = shift + unit * self._prior(f"{name}_mean")
        if "task" in terms:
            total = self._effect(f"{name}_task", total, unit, centring, np.arange(len(d.tasks)))[d.task]
        if "size" in terms:
            total = total + self._slope(name, centring)
        if "family" in terms:
            one = np.zeros(len(d.families), int)
            total = total + self._offsets(f"{name}_family", one, centring)[d.family[d.model]]
        if "model" in terms:
            within = d.family if "family" in terms else np.zeros(len(d.models), int)
            total = total + self._offsets(f"{name}_model", within, centring)[d.model]
        if "curve" in terms:
            total = self._effect(f"{name}_curve", total, 1.0, centring, d.task)
        return jnp.broadcast_to(total, (len(d.task),))

    def _levels_of_ceiling(self, loc: jax.Array, scale: jax.Array, c: jax.Array) -> dist.Distribution:
        """Return the prior of raw ceilings: a task is flat, mastered, or rises part of the way, which is pooled.

        Half of real tasks end at either edge; one normal for all would be so wide that it says nothing of the others.
        """
        locs, scales, odds = [loc * c], [scale**c], [jnp.zeros(())]
        for edge in EDGES:
            prior = self.model.priors[f"ceiling_{edge}"]
            locs, scales = [*locs, _raw(prior.location, loc, scale, c)], [*scales, prior.scale / scale ** (1 - c)]
            odds = [*odds, self._prior(f"ceiling_{edge}_odds")]
        weights = dist.Categorical(logits=jnp.broadcast_to(jnp.stack(odds), (len(loc), len(odds))))
        return dist.MixtureSameFamily(weights, dist.Normal(jnp.stack(locs, -1), jnp.stack(scales, -1)))

    def _slope(self, name: str, centring: Mapping) -> jax.Array:
        d = self.design
        slope = self._prior(f"{name}_size_mean")
        if d.levels["task"]:
            slope = self._effect(f"{name}_size", slope, 1.0, centring, np.arange(len(d.tasks)))[d.task]
        return slope * jnp.asarray(d.size)[d.model]

    def _offsets(self, name: str, within: np.ndarray, centring: Mapping) -> jax.Array:
        """Return effects of a few levels as differences from their mean, group by group of `within`.

        The mean of the levels is what the task effects already say; left free, the two could drift apart for ever.
        """
        free = self._effect(f"{name}_free", 0.0, 1.0, centring, np.full(len(within), -1))
        same = within[:, None] == within
        return numpyro.deterministic(name, free - jnp.asarray(same / same.sum(1, keepdims=True)) @ free)

    def _effect(self, name: str, loc, unit: float, centring: Mapping, groups: np.ndarray) -> jax.Array:
        """Return loc + scale · (standard normal), sampled between non-centred (0) and centred (1), per element."""
        size = len(groups)
        if (groups >= 0).all() and not name.startswith("dispersion"):
            self.rise.add(f"{name}_raw")
        self.effects[name], self.groups[f"{name}_raw"] = size, groups
        scale = unit * self._prior(f"{name.removesuffix('_free')}_sd")
        c = centring.get(name, jnp.zeros(size))
        loc, scale = jnp.broadcast_to(loc, (size,)), jnp.broadcast_to(scale, (size,))
        one_scale = name not in self.centred
        prior = dist.Normal(loc * c, scale**c) if one_scale else self._levels_of_ceiling(loc, scale, c)
        with numpyro.plate(f"{name}_level", size):
            raw = numpyro.sample(f"{name}_raw", prior)
        numpyro.deterministic(f"{name}_loc", loc)
        numpyro.deterministic(f"{name}_scale", scale)
        return numpyro.deterministic(name, loc + scale ** (1 - c) * (raw - loc * c))

    def _prior(self, name: str) -> jax.Array:
        prior = self.model.priors[name]
        self.groups[name] = np.array(-1)
        one = (
            dist.Normal(prior.location, prior.scale) if prior.distribution == "normal" else dist.HalfNormal(prior.scale)
        )
        return numpyro.sample(name, one)


def _raw(value: Any, loc: jax.Array, scale: jax.Array, c: jax.Array) -> jax.Array:
    """Return where a value of an effect stands in its coordinate, between non-centred (0) and centred (1)."""
    return loc * c + (value - loc) / scale ** (1 - c)


def natural(free: Mapping[str, Any], floor: Any) -> dict[str, Any]:
    """Return the parameters of every curve on the scales they are reported on."""
    params = {"floor": floor, "onset": free["onset"], "width": jnp.exp(free["width"])}
    params["ceiling"] = floor + (1 - floor) * jax.nn.sigmoid(free["ceiling"])
    params |= {name: jnp.exp(free[name]) for name in ("dispersion", "shape", "lag") if name in free}
    return params | ({"drop": jax.nn.sigmoid(free["drop"])} if "drop" in free else {})


def accuracy(one: Curve, params: Mapping, x: Any, untrained: Any = False) -> jax.Array:
    """Return P(correct) at x; `drop` is the share of the rise that is lost again after `lag` widths."""
    u = (x - params["onset"]) / params["width"]
    risen = one.rise(u, params.get("shape"))
    if "drop" in params:
        risen = risen * (1 - params["drop"] * jax.nn.sigmoid(4.4 * (u - 1 - params["lag"])))
    p = params["floor"] + (params["ceiling"] - params["floor"]) * jnp.where(untrained, 0.0, risen)
    return jnp.clip(p, EDGE, 1 - EDGE)
