"""Axes: x rises with training, both directions agree, conversions stay between a model's own checkpoints."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emergelaw import axes, dataset
from emergelaw.errors import InputError

TOKENS = [0.0, 1e9, 1e10, 1e11]


def data(params=1e9, steps=True, loss=None):
    cells = pd.DataFrame({"model": "m", "task": "t", "n_correct": 1, "n_trials": 4, "tokens": TOKENS})
    if steps:
        cells["step"] = [0.0, 500.0, 5000.0, 50000.0]
    if loss is not None:
        cells["loss"] = loss
    models = pd.DataFrame({"params": [params]}, index=["m"])
    return dataset.build(cells, models, pd.DataFrame(index=["t"]), {"kind": "simulated"})


@given(st.floats(1e-3, 1e26), st.sampled_from(sorted(axes.AXES)))
def test_from_x_inverts_to_x(value, name):
    axis = axes.named(name)
    assert axis.from_x(axis.to_x(value)) == pytest.approx(value)


@pytest.mark.parametrize("name", sorted(axes.AXES))
def test_x_rises_with_training(name):
    _, x = axes.axis_of(data(loss=[11.0, 4.0, 3.0, 2.5]), name)
    assert x.shape == (1, 4)
    assert (np.diff(x[0]) > 0).all()


def test_untrained_is_minus_infinity():
    assert axes.axis_of(data(), "tokens")[1][0, 0] == -np.inf


def test_flops_not_stated_are_six_params_tokens():
    axis, x = axes.axis_of(data(params=2e9), "flops")
    assert axis.from_x(x[0, 1:]) == pytest.approx(6 * 2e9 * np.array(TOKENS[1:]))


def test_stated_flops_win():
    ds = data().assign_coords(flops=(("model", "checkpoint"), [[0.0, 1.0, 10.0, 100.0]]))
    assert axes.axis_of(ds, "flops")[1][0, 1:] == pytest.approx([0, 1, 2])


@pytest.mark.parametrize(
    ("name", "ds", "text"),
    [
        ("flops", data(params=np.nan), "expected FLOPs .* model 'm': give the coordinate flops, or params and tokens"),
        ("steps", data(steps=False), "expected steps .* checkpoint 0 of model 'm': give the coordinate step "),
        ("loss", data(), "expected loss .*give the coordinate loss or choose another axis"),
        ("token", data(), "got 'token' .did you mean 'tokens'.*choose one of them"),
    ],
)
def test_what_is_missing_is_said(name, ds, text):
    with pytest.raises(InputError, match=text):
        axes.axis_of(ds, name)


@pytest.mark.parametrize("other", ["flops", "steps", "loss"])
def test_conversion_there_and_back(other):
    ds, x = data(loss=[11.0, 4.0, 3.0, 2.5]), np.linspace(9, 11, 23)
    there = axes.convert(ds, "m", x, "tokens", other)
    assert axes.convert(ds, "m", there, other, "tokens") == pytest.approx(x)


def test_conversion_is_exact_between_proportional_axes():
    x = np.array([9.2, 10.9])
    assert axes.convert(data(params=1e9), "m", x, "tokens", "flops") == pytest.approx(x + np.log10(6e9))


def test_conversion_never_extrapolates_and_keeps_infinities():
    x = axes.convert(data(), "m", [8.9, 11.1, np.inf, -np.inf], "tokens", "steps")
    np.testing.assert_array_equal(x, [np.nan, np.nan, np.inf, -np.inf])


def test_a_loss_that_went_up_again_counts_at_its_first_low():
    x = axes.convert(data(loss=[11.0, 3.0, 3.5, 2.5]), "m", [-3.0], "loss", "tokens")
    assert x == pytest.approx([9.0])


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("tokens", 1.2e9, "1.2B"),
        ("tokens", 3e11, "300B"),
        ("tokens", 999e12, "999T"),
        ("tokens", 0, "0"),
        ("steps", 143000, "143k"),
        ("steps", 5, "5"),
        ("flops", 1.23e21, "1.2e+21"),
        ("loss", 2.345, "2.35"),
    ],
)
def test_text_in_natural_units(name, value, text):
    assert axes.named(name).text(axes.named(name).to_x(value)) == text


@pytest.mark.parametrize(
    ("name", "value", "first", "last", "text"),
    [
        ("tokens", np.inf, 1e9, 3e11, ">300B"),
        ("tokens", 1e9, 1e9, 3e11, "≤1B"),
        ("tokens", 0, 1e9, 3e11, "≤1B"),
        ("tokens", 1.2e10, 1e9, 3e11, "12B"),
        ("tokens", 3e11, 1e9, 3e11, "300B"),
        ("loss", -np.inf, 9.0, 2.5, "<2.5"),
        ("loss", np.inf, 9.0, 2.5, "≥9"),
        ("loss", 3.0, 9.0, 2.5, "3"),
    ],
)
def test_points_of_emergence_say_what_is_censored(name, value, first, last, text):
    axis = axes.named(name)
    assert axis.point(*(axis.to_x(v) for v in (value, first, last))) == text
