"""One replicate of simulation-based calibration: a truth from the prior, counts from the truth, a fit, ranks."""

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np

from emergelaw import modelfile, sampling, shipped
from emergelaw.design import Design, design
from emergelaw.laws.trajectory import PARAMS, Trajectory, accuracy
from emergelaw.nuts import Kernel
from emergelaw.prior import draw
from emergelaw.simulation import simulate
from emergelaw.status import judge
from emergelaw.target import Target, target

PLAN = {"models": 3, "families": 1, "tasks": 4, "checkpoints": 8, "trials": 200}
RANKS = 100  # the truth falls into one of so many places between 99 posterior draws
CURVES = (0, 5, 11)  # of whose natural parameters ranks are kept


def replicate(seed: int, max_draws: int) -> dict[str, object]:
    """Simulate, fit and return the rank of every true value."""
    law, density, kernel = compiled()
    d = design(simulate(law.model, seed=seed, **PLAN)[0])
    given = replace(density, inputs=density.inputs | {"n_correct": d.k})
    drawn = sampling.sample(given, seed, max_draws=max_draws, kernel=kernel)
    thin = np.linspace(0, drawn.diverging.size - 1, RANKS - 1).astype(int)
    kept = {name: values.reshape(-1, *values.shape[2:])[thin] for name, values in drawn.values.items()}
    sites = draw(law, seed, 1)
    posterior, truth = quantities(kept, law, d), quantities({name: sites[name] for name in kept}, law, d)
    return {
        "seed": seed,
        "model": model_sha256(),
        "status": judge(drawn, False).status.label,
        "max_rhat": round(drawn.max_rhat, 4),
        "min_ess": round(drawn.min_ess),
        "divergences": int(drawn.diverging.sum()),
        "gradients": drawn.gradients,
        "seconds": round(sum(drawn.seconds.values()), 1),
        "ranks": {name: int((values < truth[name][0]).sum()) for name, values in posterior.items()},
    }


@cache
def compiled() -> tuple[Trajectory, Target, Kernel]:
    """Return the law of all replicates, its density, and the kernel that this process compiles once."""
    model = modelfile.load(shipped.find_model("trajectory"))
    law = Trajectory(model, design(simulate(model, seed=0, **PLAN)[0]))
    density = target(law)
    return law, density, Kernel(density)


def model_sha256() -> str:
    """Identify the model that replicates belong to."""
    model = modelfile.load(shipped.find_model("trajectory"))
    return hashlib.sha256(model.model_dump_json().encode()).hexdigest()[:12]


def quantities(values: dict[str, np.ndarray], law: Trajectory, d: Design) -> dict[str, np.ndarray]:
    """Return what is ranked, each over draws: hyper-parameters, parameters of some curves, the log likelihood."""
    curves = {name: values[name][:, d.task] if name == "floor" else values[name] for name in PARAMS if name in values}
    hyper = {name: v for name, v in sorted(values.items()) if v.ndim == 1}
    some = {f"{name}[{row}]": v[:, row] for name, v in curves.items() for row in CURVES}
    wide = {name: v[..., None] for name, v in curves.items()}
    p = accuracy(law.curve, wide, d.x, d.untrained)
    log_prob = law.likelihood.log_prob(d.k, d.n, p, wide["dispersion"])
    return hyper | some | {"log likelihood": np.asarray(log_prob.sum((-2, -1)))}
