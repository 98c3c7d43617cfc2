"""The closed set of ways in which a fit ends, each a full sentence with the next step."""

from dataclasses import dataclass
from enum import Enum

from emergelaw.sampling import GOAL_ESS, GOAL_RHAT, Draws


class Status(Enum):
    """Name and sentence; `converged` decides the exit code."""

    CONVERGED = "converged", "The chains agree and the draws suffice: read the results.", True
    SEVERAL = (
        "several-explanations",
        "The chains agree, and for some tasks more than one explanation fits: read their weights below before quoting "
        "one number.",
        True,
    )
    DIVERGENT = (
        "divergent",
        "Some trajectories diverged, so parts of the posterior may be missing: inspect the tasks named in the report, "
        "try another curve family, or sample with another seed.",
        False,
    )
    NOT_MIXED = (
        "not-mixed",
        "The chains disagree (r-hat above 1.01): raise --max-draws, and if that does not help, a tighter prior is "
        "needed for the quantities named in the report.",
        False,
    )
    FEW_DRAWS = (
        "few-draws",
        "The chains agree but some quantities have fewer than 400 effective draws: raise --max-draws before quoting "
        "their intervals.",
        False,
    )

    @property
    def label(self) -> str:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]

    @property
    def converged(self) -> bool:
        return self.value[2]


@dataclass(frozen=True)
class Verdict:
    """A status and the quantities that were worst."""

    status: Status
    worst: list[str]


def judge(draws: Draws, several: bool) -> Verdict:
    """Name the status of finished draws; the gravest finding wins."""
    if draws.max_rhat > GOAL_RHAT:
        return Verdict(Status.NOT_MIXED, _worst(draws))
    if draws.diverging.any():
        return Verdict(Status.DIVERGENT, [])
    if draws.min_ess < GOAL_ESS:
        return Verdict(Status.FEW_DRAWS, _worst(draws))
    return Verdict(Status.SEVERAL if several else Status.CONVERGED, [])


def _worst(draws: Draws, count: int = 5) -> list[str]:
    ranked = sorted(((float(draws.rhat[k].max()), k, int(draws.rhat[k].argmax())) for k in draws.rhat), reverse=True)
    return [f"{name}[{index}] (r-hat {rhat:.3f})" for rhat, name, index in ranked[:count]]
