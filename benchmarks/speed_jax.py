"""The two engines of speed.py that run in this project's own environment, on the same law."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import numpyro
from numpyro.infer import MCMC, NUTS
from published import load

from emergelaw import modelfile, sampling, shipped
from emergelaw.design import design
from emergelaw.laws.trajectory import Trajectory
from emergelaw.target import target


@contextlib.contextmanager
def compiling() -> Iterator[list[float]]:
    """Collect the seconds JAX spends on compiling."""
    spent: list[float] = []

    def listen(event: str, seconds: float, **_: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            spent.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield spent


def law_of(name: str, root: Path) -> Trajectory:
    """Return the default law of one data set."""
    model = modelfile.load(shipped.find_model("trajectory"))
    return Trajectory(model, design(load(name, root), model.axis))


def emergelaw(name: str, root: Path, settings: dict[str, int]) -> dict[str, object]:
    """Sample as `emergelaw fit` does: until the draws suffice."""
    law = law_of(name, root)
    began = time.perf_counter()
    with compiling() as spent:
        drawn = sampling.sample(target(law), settings["seed"], settings["chains"])
    total = time.perf_counter() - began
    numbers = {"compile": sum(spent), "run": total - sum(spent), "gradients": drawn.gradients}
    return {"draws": drawn.values, **numbers, "divergences": int(drawn.diverging.sum())}


def noncentred(name: str, root: Path, settings: dict[str, int]) -> dict[str, object]:
    """Sample with NumPyro as its tutorials do: everything non-centred, default adaptation, chains on host devices."""
    numpyro.set_host_device_count(settings["chains"])  # before anything makes an array
    law = law_of(name, root)
    assert jax.local_device_count() == settings["chains"], "chains would not run in parallel"
    began = time.perf_counter()
    with compiling() as spent:
        run = MCMC(
            NUTS(law),
            num_warmup=settings["warmup"],
            num_samples=settings["draws"],
            num_chains=settings["chains"],
            chain_method="parallel",
            progress_bar=False,
        )
        run.warmup(jax.random.key(settings["seed"]), collect_warmup=True, extra_fields=("num_steps",))
        steps = int(np.sum(run.get_extra_fields()["num_steps"]))
        run.run(jax.random.key(settings["seed"] + 1), extra_fields=("num_steps", "diverging"))
        stats = jax.tree.map(np.asarray, run.get_extra_fields())
        values = jax.tree.map(np.asarray, run.get_samples(group_by_chain=True))
    total = time.perf_counter() - began
    numbers = {"compile": sum(spent), "run": total - sum(spent), "gradients": steps + int(stats["num_steps"].sum())}
    kept = {site: v for site, v in values.items() if not site.endswith(sampling.HIDDEN)}
    return {"draws": kept, **numbers, "divergences": int(stats["diverging"].sum())}
