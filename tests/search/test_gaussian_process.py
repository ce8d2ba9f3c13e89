"""The Gaussian process, expected improvement, warping and features, against plain formulas."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import check_grad
from scipy.stats import norm

from luthier.core.parameter import Choice, Float, Int, Order, Range, Subset, Text
from luthier.core.space import Space
from luthier.search.bend import STRAIGHT
from luthier.search.coordinates import Coordinates
from luthier.search.features import Features
from luthier.search.gaussian_process import Kernel, Posterior, _Objective, default_kernel, fit_kernel
from luthier.search.log_improvement import log_expected_improvement
from luthier.search.warp import Warp

GROUPS = np.array([0, 1, 1])


def _data(count, seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.random((count, 3))
    return Z, np.sin(5 * Z[:, 0]) + Z[:, 1] * Z[:, 2] + rng.normal(0, 0.05, count), rng.uniform(0.5, 3, count)


def _covariance(kernel, one, other):
    distance = np.sqrt((((one[:, None] - other[None]) / kernel.lengthscales[GROUPS]) ** 2).sum(-1))
    root = math.sqrt(5) * distance
    return kernel.signal * (1 + root + root**2 / 3) * np.exp(-root)


def test_posterior_is_the_textbook_one():
    Z, y, w = _data(30)
    at = np.random.default_rng(1).random((7, 3))
    kernel = Kernel(np.array([0.4, 0.9]), 1.3, 0.02)
    K = _covariance(kernel, Z, Z) + np.diag(0.02 * w + 1e-8)
    cross = _covariance(kernel, Z, at)
    inverse = np.linalg.inv(K)
    mean = inverse.sum(0) @ y / inverse.sum()
    posterior = Posterior.of(kernel, GROUPS, Z, y, w)
    got_mean, got_deviation = posterior.predict(at)
    np.testing.assert_allclose(got_mean, mean + cross.T @ inverse @ (y - mean), rtol=1e-8)
    np.testing.assert_allclose(got_deviation**2, kernel.signal - np.diag(cross.T @ inverse @ cross), rtol=1e-6)


def test_believing_keeps_the_mean_and_lowers_the_deviation():
    Z, y, w = _data(20)
    at = np.random.default_rng(1).random((40, 3))
    before = Posterior.of(default_kernel(2, 2), GROUPS, Z, y, w)
    after = before.believe(at[:5])
    np.testing.assert_allclose(after.predict(at)[0], before.predict(at)[0], atol=1e-7)
    assert np.all(after.predict(at)[1] <= before.predict(at)[1] + 1e-9)
    assert np.all(after.predict(at[:5])[1] < 0.5 * before.predict(at[:5])[1])


def test_the_gradient_is_that_of_the_density():
    Z, y, w = _data(15)
    objective = _Objective(Z, GROUPS, 2, y, w, 0.3, np.array([0, 2]))
    for seed in range(5):
        logs = np.random.default_rng(seed).normal([0, 0, 0, -3, 0, 0, 0, 0], 0.5)
        value = objective(logs)
        assert check_grad(lambda x: objective(x)[0], lambda x: objective(x)[1], logs) < 1e-4 * (1 + abs(value[0]))


def test_fitting_tells_what_matters_from_what_does_not():
    rng = np.random.default_rng(0)
    Z = rng.random((60, 3))
    kernel = fit_kernel(Z, np.arange(3), np.sin(8 * Z[:, 0]), np.ones(60), STRAIGHT.columns)
    assert 5 * kernel.lengthscales[0] < min(kernel.lengthscales[1:])
    assert kernel.noise < 0.01


def test_fitting_finds_the_end_of_a_range_where_a_setting_matters():
    """The values change within the first tenth alone."""
    x = np.random.default_rng(0).random((50, 1))
    kernel = fit_kernel(x, np.arange(1), np.exp(-40 * x[:, 0]), np.ones(50), np.arange(1))
    steps = np.diff(kernel.bends(np.array([[0.0], [0.1], [0.9], [1.0]]))[:, 0])
    assert steps[0] > 3 * steps[2]


def test_fitting_nothing_gives_the_prior():
    assert fit_kernel(np.ones((5, 3)), GROUPS, np.zeros(5), np.ones(5), STRAIGHT.columns).lengthscales.shape == (2,)


def test_equal_rows_do_no_harm():
    Z = np.repeat(_data(3)[0], 20, axis=0)
    y = np.linspace(-1, 1, 60)
    kernel = fit_kernel(Z, GROUPS, y, np.ones(60), np.arange(3))
    mean, deviation = Posterior.of(kernel, GROUPS, Z, y, np.ones(60)).predict(Z)
    assert np.isfinite(mean).all()
    assert np.isfinite(deviation).all()


@settings(max_examples=50, deadline=None)
@given(st.floats(-4, 4), st.floats(0.05, 3), st.floats(-4, 4))
def test_log_expected_improvement_is_the_log_of_the_integral(mean, deviation, best):
    if (mean - best) / deviation < -5:
        return
    high = max(mean, best) + 10 * deviation
    expected, _ = quad(
        lambda y: (y - best) * norm.pdf(y, mean, deviation), best, high, epsabs=0, epsrel=1e-9, limit=200
    )
    got = log_expected_improvement(np.array([mean]), np.array([deviation]), best)[0]
    assert got == pytest.approx(math.log(expected), abs=1e-6)


def test_log_expected_improvement_is_finite_and_rises_where_the_plain_one_vanishes():
    z = -np.logspace(12, -3, 4000)
    got = log_expected_improvement(z, np.ones_like(z), 0.0)
    assert np.isfinite(got).all()
    assert np.all(np.diff(got) > 0)


@given(st.lists(st.floats(allow_infinity=False, allow_nan=True), min_size=1, max_size=30))
def test_warping_keeps_the_order_and_bears_anything(values):
    array = np.array(values)
    warped = Warp(array).forward(array)
    assert np.isfinite(warped).all()
    finite = np.isfinite(array)
    ordered = warped[finite][np.argsort(array[finite], kind="stable")]
    assert np.all(np.diff(ordered) >= -1e-12)
    assert np.all(warped[~finite] <= warped.min())


def test_warping_is_the_identity_up_to_scale_on_the_good_half_and_comes_back():
    values = np.array([-1e30, 0.0, 1.0, 2.0, 3.0, 5.0, 7.0])
    warp = Warp(values)
    warped = warp.forward(values)
    np.testing.assert_allclose(warped[3:] * warp.scale + 2.0, values[3:])
    np.testing.assert_allclose([warp.back(z) for z in warped[1:]], values[1:], atol=1e-12)
    assert warped[0] == -3.0


SPACE = Space(
    {
        "kind": Choice(("a", "b", "c")),
        "x": Float(0.0, 1.0),
        "depth": Int(1, 4, when={"kind": ["a", "b"]}),
        "rate": Float(0.0, 1.0, when={"depth": Range(2)}),
        "some": Subset(("p", "q")),
        "order": Order(("u", "v")),
        "text": Text(("one", "two")),
    }
)


def _squared(features, one, other):
    rows = np.stack([Coordinates(SPACE).row(SPACE.config(config)) for config in (one, other)])
    Z = features.matrix(rows, np.ones(2))
    assert Z.shape[1] == len(features.groups)
    return float(((Z[0] - Z[1]) ** 2).sum())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"x": 0.2}, {"x": 0.6}, 0.16),
        ({"some": ["p"]}, {"some": ["q"]}, 2.0),
        ({"text": "one"}, {"text": "two"}, 1.0),
        ({"kind": "c", "depth": 1}, {"kind": "c", "depth": 4}, 0.0),  # depth isn't active
        ({"kind": "a", "depth": 1}, {"kind": "b", "depth": 1}, 1.0),
        ({"kind": "a", "depth": 1}, {"kind": "c"}, 1.0 + (2 / np.pi) ** 2),
    ],
)
def test_distances(one, other, expected):
    assert _squared(Features(SPACE), one, other) == pytest.approx(expected)


def test_near_values_of_a_conditional_number_are_as_near_as_of_another():
    near = {"kind": "a", "depth": 3, "rate": 0.50}, {"kind": "a", "depth": 3, "rate": 0.51}
    assert _squared(Features(SPACE), *near) == pytest.approx(1e-4, rel=1e-3)


def test_texts_that_are_no_candidates_differ_from_all_others():
    features = Features(SPACE)
    assert _squared(features, {"text": "one"}, {"text": "new"}) == pytest.approx(1.0)
    apart = [_squared(features, {"text": f"new {i}"}, {"text": f"new {i + 1}"}) for i in range(50)]
    assert min(apart) > 0.2
    assert np.mean(apart) == pytest.approx(1.0, abs=0.15)
