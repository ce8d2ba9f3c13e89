"""Spaces, by property, over every kind of setting and condition."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.strategies import DRAW, PARAMETERS, UNIT, configs, cubes, spaces

from luthier.core.config import Config
from luthier.core.errors import SpaceError
from luthier.core.parameter import Choice, Float, Int, Order, Parameter, Prior, Range, Subset, Text, parameter_from_json
from luthier.core.space import Space


def _near(space: Space, one: Config, other: Config) -> bool:
    """Equal, plain Floats up to 1e-9 of their range (of their value where log)."""
    if list(one) != list(other):
        return False
    for name, value in one.items():
        parameter = space.parameters[name]
        if isinstance(parameter, Float) and parameter.step is None:
            assert isinstance(value, float)
            scale = abs(value) if parameter.log else max(parameter.high - parameter.low, abs(value))
            if abs(value - other[name]) > 1e-9 * scale:  # pyright: ignore
                return False
        elif value != other[name] or type(value) is not type(other[name]):
            return False
    return True


def _is_valid(space: Space, config: Config) -> bool:
    """Every active setting is there, nothing else is, and all values are canonical."""
    active = {name for name in space.parameters if space.is_active(name, config)}
    return set(config) == active and all(space.check(name, value) == value for name, value in config.items())


def _has_all_ancestors(space: Space, config: Config) -> bool:
    return all(parent in config for name in config for parent in space.conditions(name))


@settings(max_examples=60)
@given(st.data(), spaces())
def test_every_point_of_the_cube_is_a_valid_config(data: st.DataObject, space: Space) -> None:
    config = space.from_unit(data.draw(cubes(space)))
    assert _is_valid(space, config)
    assert _has_all_ancestors(space, config)


@settings(max_examples=60)
@given(spaces(), st.integers(0, 2**31))
def test_sampling_respects_conditions_and_is_a_function_of_the_seed(space: Space, seed: int) -> None:
    config = space.sample(np.random.default_rng(seed))
    assert _is_valid(space, config)
    assert _has_all_ancestors(space, config)
    assert space.sample(np.random.default_rng(seed)) == config


@settings(max_examples=60)
@given(st.data(), spaces())
def test_a_config_survives_the_unit_cube(data: st.DataObject, space: Space) -> None:
    config = data.draw(configs(space))
    unit = space.to_unit(config)
    assert unit.shape == (space.width,)
    known = unit[~np.isnan(unit)]
    assert ((known >= 0) & (known <= 1)).all()
    assert _near(space, config, space.from_unit(unit))
    for name, part in space.slices.items():
        assert np.isnan(unit[part]).all() == (name not in config)


@settings(max_examples=60)
@given(st.data(), spaces())
def test_a_config_survives_json(data: st.DataObject, space: Space) -> None:
    config = data.draw(configs(space))
    again = Config.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config
    assert again.key == config.key
    assert hash(again) == hash(config)
    assert space.config(again, defaults=False) == config


@settings(max_examples=60)
@given(spaces())
def test_a_space_survives_json(space: Space) -> None:
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again == space
    assert again.config() == space.config()
    assert again.order == space.order


@settings(max_examples=60)
@given(st.data(), spaces())
def test_fixed_settings_stay(data: st.DataObject, space: Space) -> None:
    held = data.draw(configs(space))
    names = data.draw(st.lists(st.sampled_from(list(held)), unique=True))
    narrow = space.fix({name: held[name] for name in names})
    assert set(narrow.free) == set(space.parameters) - set(names)
    config = narrow.from_unit(data.draw(cubes(narrow)))
    assert _is_valid(space, config)
    for name in names:
        if narrow.is_active(name, config):
            assert config[name] == held[name]


@given(spaces(3), st.integers(1, 3))
def test_a_grid_is_valid_and_distinct(space: Space, size: int) -> None:
    grid = space.grid(size)
    assert grid
    assert len({config.key for config in grid}) == len(grid)
    assert all(_is_valid(space, config) for config in grid)


@given(PARAMETERS, st.integers(1, 9))
def test_a_setting_has_at_most_size_grid_values_choices_taken_whole(parameter: Parameter, size: int) -> None:
    grid = parameter.grid(size)
    assert 1 <= len(grid) <= (len(parameter.options) if isinstance(parameter, Choice) else size)
    assert all(parameter.check(value) == value for value in grid)


@given(st.data(), PARAMETERS)
def test_draws_are_allowed_and_defaults_too(data: st.DataObject, parameter: Parameter) -> None:
    value = parameter.draw([data.draw(DRAW) for _ in range(parameter.width)])
    assert parameter.check(value) == value
    assert parameter.check(parameter.default) == parameter.default


@given(st.data(), PARAMETERS)
def test_coordinates_outside_a_value_lead_to_a_value(data: st.DataObject, parameter: Parameter) -> None:
    unit = [data.draw(UNIT) for _ in range(parameter.width)]
    value = parameter.from_unit(unit)
    again = parameter.to_unit(value)
    assert len(again) == parameter.width
    assert all(0 <= x <= 1 for x in again)


@given(st.data())
def test_weights_of_zero_are_never_drawn(data: st.DataObject) -> None:
    weights = tuple(data.draw(st.lists(st.sampled_from([0.0, 0.1, 0.3]), min_size=2, max_size=6).filter(any)))
    choice = Choice(tuple(range(len(weights))), weights=weights)
    uniform = data.draw(DRAW | st.just(np.nextafter(1.0, 0.0)))
    assert weights[choice.draw((float(uniform),))] > 0  # pyright: ignore


def test_weights_are_the_shares_of_draws() -> None:
    choice = Choice(("a", "b", "c"), weights=(1, 0, 3))
    drawn = [choice.draw(((i + 0.5) / 400,)) for i in range(400)]
    assert (drawn.count("a"), drawn.count("b"), drawn.count("c")) == (100, 0, 300)


@pytest.mark.parametrize("center", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("spread", [0.03, 0.25, 3.0])
def test_priors_are_truncated_normal_distributions(center: float, spread: float) -> None:
    from scipy.stats import truncnorm

    uniform = (np.arange(500) + 0.5) / 500
    expected = truncnorm.ppf(uniform, -center / spread, (1 - center) / spread, center, spread)
    plain = Float(0.0, 1.0, prior=Prior(center, spread))
    np.testing.assert_allclose([plain.draw((u,)) for u in uniform], expected, atol=1e-7)
    log = Float(1e-4, 1e2, log=True, prior=Prior(10 ** (6 * center - 4), spread))
    np.testing.assert_allclose([(np.log10(log.draw((u,))) + 4) / 6 for u in uniform], expected, atol=1e-7)


def test_a_prior_without_its_center_on_a_step_takes_the_nearest() -> None:
    stepped = Int(1, 9, step=2, prior=Prior(4.4, 0.01))
    assert {stepped.draw(((u + 0.5) / 10,)) for u in range(10)} == {5}
    assert {Int(0, 9, prior=Prior(4.4, 0.01)).draw(((u + 0.5) / 10,)) for u in range(10)} == {4}


def test_an_int_is_drawn_evenly() -> None:
    drawn = [Int(3, 7).draw(((i + 0.5) / 100,)) for i in range(100)]
    assert [drawn.count(value) for value in range(3, 8)] == [20] * 5


def test_conditions_nest() -> None:
    space = Space(
        {
            "kernel": Choice(("rbf", "poly"), when={"model": "svm"}),
            "degree": Int(2, 5, when={"kernel": ["poly"]}),
            "model": Choice(("svm", "nb")),
            "layers": Int(0, 4),
            "width": Int(8, 64, when={"layers": Range(2)}),
        }
    )
    assert set(space.config({"model": "nb", "layers": 1})) == {"model", "layers"}
    assert set(space.config({"kernel": "poly", "layers": 2})) == {"model", "kernel", "degree", "layers", "width"}
    assert "degree" not in space.config({"model": "nb", "kernel": "poly"})
    with pytest.raises(SpaceError, match="'kernel' is active but has no value"):
        space.config({"model": "svm", "layers": 0}, defaults=False)


def test_a_condition_on_a_stepped_parent_means_its_canonical_value() -> None:
    space = Space({"p": Float(0, 1, step=0.25), "c": Int(1, 3, when={"p": 0.3})})
    assert "c" in space.config({"p": 0.25})


def test_the_first_option_is_the_default_even_if_another_is_none() -> None:
    assert Choice(("balanced", None)).default == "balanced"
    assert Choice(("balanced", None), default=None).default is None


def test_true_and_one_are_different_configs() -> None:
    space = Space({"a": Choice((1, True, 0, False))})
    assert len(space.grid(1)) == 4
    assert Config({"a": 1}) != Config({"a": True})
    assert Config({"a": 1}) == {"a": 1}
    assert Config({"a": 0.0}) == Space({"a": Float(-1, 1)}).config({"a": -0.0})
    assert Config({"a": 0.0}).key == Space({"a": Float(-1, 1)}).config({"a": -0.0}).key


def test_bounds_have_the_type_of_their_setting() -> None:
    assert [type(value) for value in Int(1.0, 3.0).grid(3)] == [int] * 3  # pyright: ignore[reportArgumentType]
    assert [type(Float(0, 1).from_unit((u,))) for u in (0.0, 0.5, 1.0)] == [float] * 3


def test_tiny_steps_stay_apart() -> None:
    grid = Float(1e-14, 5e-14, step=1e-14).grid(5)
    np.testing.assert_allclose(grid, [1e-14, 2e-14, 3e-14, 4e-14, 5e-14])  # pyright: ignore[reportArgumentType]


def test_config_keys_do_not_change_between_machines() -> None:
    assert Config({"a.x": 1e-3, "b.y": ("p", None), "b.z": True}).key == "98fcb5dbf38913d7"


WRONG: list[tuple[Any, str]] = [
    (lambda: Float(1, 1), "low bound must be below"),
    (lambda: Float(0, float("inf")), "finite"),
    (lambda: Float(0, 1, log=True), "start above 0"),
    (lambda: Float(0, 1, step=2), "step must lie in"),
    (lambda: Float(1, 2, log=True, step=0.5), "both log and stepped"),
    (lambda: Float(0, 1, default=2), "from 0 to 1; got 2"),
    (lambda: Float(0, 1, prior=Prior(2)), "center of a prior"),
    (lambda: Prior(0, 0), "spread of a prior must be > 0"),
    (lambda: Int(0, 1.5), "whole numbers"),  # pyright: ignore[reportArgumentType]
    (lambda: Int(0, float("inf")), "finite"),  # pyright: ignore[reportArgumentType]
    (lambda: Int(0, 2**60), "2**50 values"),
    (lambda: Int(0, 9, step=2, default=3), "in steps of 2; got 3"),
    (lambda: Choice(()), "one or more"),
    (lambda: Choice((1, 1.0)), "must differ"),
    (lambda: Choice("abc"), "list of one or more"),  # pyright: ignore[reportArgumentType]
    (lambda: Choice((1, 2), weights=(1,)), "each of the 2 options"),
    (lambda: Choice((1, 2), weights=(0, 0)), "each of the 2 options"),
    (lambda: Choice((1, 2)).check(True), "one of 1, 2; got True"),
    (lambda: Subset((1, 2), 3), "sizes must be"),
    (lambda: Subset((1, 2)).check([1, 1]), "different ones"),
    (lambda: Order((1, 2)).check([1]), "order of all"),
    (lambda: Text(()), "at least one candidate"),
    (lambda: Range(), "finite bound"),
    (lambda: Range(2, 1), "low <= high"),
    (lambda: Space({"a": 3}), "'a' must be a Float"),  # pyright: ignore[reportArgumentType]
    (lambda: Space({"a": Int(0, 1, when={"b": 1})}), "unknown setting 'b'"),
    (lambda: Space({"a": Int(0, 1, when={"a": 1})}), "a -> a"),
    (lambda: Space({"a": Int(0, 1), "b": Int(0, 1, when={"a": 7})}), "'b' depends on 'a', which must be"),
    (lambda: Space({"rate": Int(0, 1)}).config({"rat": 1}), "unknown setting 'rat'; known are: rate"),
    (lambda: Space({"a": Int(0, 1)}).config({"a": 2}), "setting 'a' must be a whole number"),
    (lambda: Space({"a": Int(0, 1)}).grid(0), "size >= 1"),
    (lambda: Space.from_json({"a": {"float": 3}}), "setting 'a': the key 'float' takes"),
    (lambda: Space.from_json({"a": 3}), "setting 'a': a setting needs a kind"),
    (lambda: Space.from_json({"a": {"float": [0, 1], "logg": True}}), "'logg' is no key of a float"),
    (lambda: Space.from_json({"a": {"float": [0, 1], "prior": 3}}), "a prior takes"),
    (lambda: Space.from_json({"a": {"float": [0, 1], "when": 3}}), "'when' takes"),
    (lambda: Space.from_json({"a": {"float": [0, 1], "when": {"b": {}}}}), "at_least / at_most"),
]


@pytest.mark.parametrize(("make", "says"), WRONG)
def test_what_cannot_be_is_refused_with_a_reason(make: Any, says: str) -> None:
    with pytest.raises(SpaceError) as caught:
        make()
    assert says in str(caught.value)


_SOME_JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_KEYS = [
    "float", "int", "choice", "subset", "order", "text", "log", "step", "default", "prior", "when", "weights",
    "min_size", "max_size", "max_length", "ordered", "nonsense",
]  # fmt: skip


@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from(_KEYS), _SOME_JSON | st.lists(st.floats() | st.integers(), min_size=2, max_size=2))
)
def test_whatever_a_task_file_says_is_a_setting_or_a_space_error(description: dict[str, Any]) -> None:
    try:
        parameter = parameter_from_json(description)
    except SpaceError:
        return
    assert parameter.check(parameter.default) == parameter.default
