"""Every way in which a fit ends: what leads to it, and what it tells to do next."""

from types import SimpleNamespace

import numpy as np
import pytest

from emergelaw.status import Status, judge


def draws(rhat=1.0, ess=1000.0, divergences=0):
    """Return what `judge` looks at: two quantities, the second of which is the worse one."""
    seen = {"onset": np.array([1.0, rhat]), "floor": np.array([1.0])}
    diverging = np.arange(100).reshape(4, 25) < divergences
    return SimpleNamespace(max_rhat=rhat, min_ess=ess, diverging=diverging, rhat=seen)


@pytest.mark.parametrize(
    ("found", "several", "status"),
    [
        (draws(), False, Status.CONVERGED),
        (draws(1.01, 400), False, Status.CONVERGED),
        (draws(), True, Status.SEVERAL),
        (draws(divergences=1), True, Status.DIVERGENT),
        (draws(ess=399), True, Status.FEW_DRAWS),
        (draws(rhat=1.011), True, Status.NOT_MIXED),
        (draws(rhat=1.5, ess=10, divergences=5), False, Status.NOT_MIXED),
        (draws(ess=10, divergences=5), False, Status.DIVERGENT),
    ],
)
def test_the_gravest_finding_names_the_status(found, several, status):
    assert judge(found, several).status is status


@pytest.mark.parametrize("status", Status)
def test_every_status_is_a_sentence_with_a_next_step(status):
    finding, _, advice = status.sentence.partition(": ")
    assert finding[0].isupper() and " " in finding
    assert advice.endswith(".") and advice.split()[0] in {"read", "raise", "inspect"}
    assert status.converged == (status in (Status.CONVERGED, Status.SEVERAL))


def test_labels_are_for_machines():
    labels = [status.label for status in Status]
    assert labels == ["converged", "several-explanations", "divergent", "not-mixed", "few-draws"]


def test_the_worst_quantity_comes_first():
    assert judge(draws(rhat=1.5), False).worst[0] == "onset[1] (r-hat 1.500)"
