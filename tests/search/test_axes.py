"""What each unit coordinate is, against the parameters themselves."""

import numpy as np
import pytest

from luthier.core.parameter import Choice, Float, Int, Order, Prior, Subset, Text
from luthier.core.space import Space
from luthier.search.axes import Kind, axes_of

KINDS = {
    "float": (Float(0.0, 1.0), [Kind.NUMBER]),
    "stepped": (Float(0.0, 1.0, step=0.25), [Kind.GRID]),
    "int": (Int(3, 9), [Kind.GRID]),
    "log int": (Int(1, 20, log=True), [Kind.GRID]),
    "many": (Int(1, 1000), [Kind.NUMBER]),
    "ordered": (Choice(("s", "m", "l"), ordered=True), [Kind.GRID]),
    "choice": (Choice(("a", "b", "c")), [Kind.CATEGORY]),
    "text": (Text(("p", "q")), [Kind.CATEGORY]),
    "subset": (Subset(("a", "b")), [Kind.CATEGORY] * 2),
    "order": (Order(("a", "b", "c")), [Kind.NUMBER] * 3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind):
    parameter, expected = KINDS[kind]
    assert [axis.kind for axis in axes_of(Space({"x": parameter}))] == expected


@pytest.mark.parametrize("kind", ["stepped", "int", "log int", "ordered", "choice", "text"])
def test_every_value_has_its_cell_and_every_cell_its_value(kind):
    parameter, _ = KINDS[kind]
    (axis,) = axes_of(Space({"x": parameter}))
    values = parameter.grid(100)
    places = np.array([parameter.to_unit(value)[0] for value in values])
    assert axis.cells(places).tolist() == list(range(len(values)))
    assert [parameter.from_unit((middle,)) for middle in axis.middles] == values
    assert axis.masses.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    "parameter",
    [Int(1, 9, prior=Prior(2, 0.2)), Int(1, 20, log=True), Choice(("a", "b", "c"), weights=(1, 0, 3))],
)
def test_masses_are_those_of_draws(parameter):
    (axis,) = axes_of(Space({"x": parameter}))
    uniform = (np.arange(20_000) + 0.5) / 20_000
    places = np.array([parameter.to_unit(parameter.draw((u,)))[0] for u in uniform])
    shares = np.bincount(axis.cells(places), minlength=len(axis.masses)) / len(uniform)
    np.testing.assert_allclose(shares, axis.masses, atol=2e-4)


def test_fixed_settings_have_no_axis():
    space = Space({"x": Float(0.0, 1.0), "kind": Choice(("a", "b"))})
    assert [axis.kind for axis in axes_of(space.fix({"x": 0.5}))] == [Kind.CATEGORY]
