"""Which settings are tuned, over which ranges, and why others are not."""

from __future__ import annotations

import pytest

from luthier.core.parameter import Choice, Float, Int
from luthier.stages.adopt.found import Form, Kind, Setting
from luthier.stages.adopt.read_click import kind_of
from luthier.stages.adopt.worth import Role, judge


def setting(name: str, default, **more) -> Setting:
    return Setting(name, Form.OPTION, f"--{name}", more.pop("kind", kind_of(default)), default, **more)


@pytest.mark.parametrize(
    ("name", "default", "kind"),
    [
        ("lr", 1.0, Float), ("lr", 1e-7, Float), ("momentum", 0.999, Float), ("dropout", 0.9, Float),
        ("weight_decay", 0.0, Choice), ("batch_size", 1, Int), ("hidden_size", 4096, Int), ("max_depth", -1, Float),
        ("num_leaves", 2000, Int), ("grad_clip", 0.0, Choice), ("beta1", 0.5, Float), ("subsample", 0.1, Float),
        ("min_samples_leaf", 0.1, Float), ("optimizer.lr", 0.3, Float), ("n_layers", 2, Int),
    ],
)  # fmt: skip
def test_a_range_holds_todays_value(name, default, kind):
    judged = judge(setting(name, default))
    assert judged.role is Role.TUNE
    assert isinstance(judged.parameter, kind)
    assert judged.parameter.default == default
    assert judged.parameter.from_unit(judged.parameter.to_unit(default)) == pytest.approx(default)


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("data_dir", "x"), ("resume", "x"), ("num_workers", 4), ("log_interval", 10), ("device", "cuda"),
        ("test_batch_size", 1000), ("run_name", "x"), ("wandb_project", "x"), ("local_rank", 0), ("num_classes", 10),
        ("max_steps", 1000), ("patience", 5), ("eps", 1e-8), ("val_split", 0.1), ("fp16", False), ("unheard_of", 3),
    ],
)  # fmt: skip
def test_what_is_left_as_it_is_has_a_reason(name, default):
    judged = judge(setting(name, default))
    assert (judged.role, judged.parameter) == (Role.FIXED, None)
    assert judged.reason


def test_roles_beside_tuning():
    assert judge(setting("seed", 1)).role is Role.SEED
    assert judge(setting("output_dir", "x")).role is Role.OUTPUT
    assert judge(setting("num_train_epochs", 3.0)).role is Role.EPOCHS


def test_help_texts_say_what_odd_names_mean():
    assert judge(setting("niter", 25, help="number of epochs to train for")).role is Role.EPOCHS
    assert judge(setting("alpha0", 0.1, help="initial learning rate")).meaning == "learning_rate"
    assert judge(setting("x", 0.1, help="learning rate decay")).role is Role.FIXED


def test_choices_and_switches():
    assert judge(setting("optimizer", "sgd", choices=("sgd", "adam"))).parameter.options == ("sgd", "adam")
    assert judge(setting("use_ema", False)).parameter.options == (False, True)
    assert judge(setting("dataset", "a", choices=("a", "b"))).role is Role.FIXED


def test_gamma_is_of_the_schedule_where_there_is_one():
    assert judge(setting("gamma", 0.7), schedules=True).parameter.high == 1.0
    assert judge(setting("gamma", 0.7)).parameter.high > 1


def test_a_required_learning_rate_gets_a_usual_default():
    judged = judge(setting("lr", None, kind=Kind.FLOAT, required=True))
    assert judged.parameter.default == 1e-3
    assert judge(setting("foo", None, kind=Kind.FLOAT, required=True)).role is Role.FIXED
