"""Fixtures shared by all tests."""

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real published evaluations, kept beside the checkout and never in it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data sets in ../shared/data, which are not part of the repository")
    return folder


@pytest.fixture(scope="session")
def tiny_fit():
    """One real fit of a small simulated data set, with a short warm-up: too few draws to quote, enough to ask."""
    from tiny_fit import simulated, small_model

    from emergelaw import fits, sampling

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "WARMUP", ((1, 5, False), (2, 6, True), (3, 7, False), (2, 8, False)))
        return fits.fit(simulated(), small_model(), seed=3, max_draws=250)


@pytest.fixture(scope="session")
def tiny_run(tiny_fit, tmp_path_factory) -> Path:
    """The run folder of that fit."""
    return tiny_fit.save(tmp_path_factory.mktemp("runs") / "tiny")
