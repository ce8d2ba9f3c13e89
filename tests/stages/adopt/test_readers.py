"""Each reader by itself: what it makes of the ways in which scripts state their settings."""

from __future__ import annotations

import pytest

from luthier.core.errors import UsageError
from luthier.stages.adopt.found import Form, Kind
from luthier.stages.adopt.script import script_at


@pytest.fixture
def settings(tmp_path):
    """The settings of a script with this text, by name."""

    def read(text: str, name: str = "train.py"):
        (tmp_path / name).write_text(text)
        return {one.name: one for one in script_at(tmp_path / name, name).settings}

    return read


ARGPARSE = "import argparse\nparser = argparse.ArgumentParser()\n"


@pytest.mark.parametrize(
    ("call", "name", "kind", "default"),
    [
        ("'--lr', type=float, default=1e-3", "lr", Kind.FLOAT, 1e-3),
        ("'-l', '--learning-rate', type=float, default=-1e-3", "learning_rate", Kind.FLOAT, -1e-3),
        ("'--lr', type=float, default='0.5'", "lr", Kind.FLOAT, 0.5),
        ("'--n', type=int, default=2 * 8", "n", Kind.INT, 16),
        ("'--n', type=positive_int, default=3", "n", Kind.INT, 3),
        ("'--n', dest='size', type=int, default=SIZE", "size", Kind.INT, 7),
        ("'--flag', action='store_true'", "flag", Kind.SWITCH, False),
        ("'--flag', type=str2bool, default=True", "flag", Kind.SWITCH, True),
        ("'--flag', type=bool, default=True", "flag", Kind.TEXT, True),
        ("'--sizes', type=int, nargs='+', default=[1, 2]", "sizes", Kind.TEXT, None),
        ("'--lr', type=float", "lr", Kind.FLOAT, None),
    ],
)
def test_arguments(settings, call, name, kind, default):
    found = settings(f"{ARGPARSE}SIZE = 7\nparser.add_argument({call})\n")
    assert (found[name].kind, found[name].default) == (kind, default)


def test_an_argument_of_a_parser_that_a_function_makes_in_another_file(settings, tmp_path):
    (tmp_path / "options.py").write_text(
        f"{ARGPARSE}def get_args():\n    parser.add_argument('--lr', type=float, default=0.1)\n    return parser\n"
    )
    assert settings("from options import get_args\nprint(get_args())\n")["lr"].default == 0.1


def test_defaults_that_are_set_afterwards(settings):
    text = f"{ARGPARSE}parser.add_argument('--lr', type=float)\nparser.set_defaults(lr=0.3)\n"
    assert settings(text)["lr"].default == 0.3


def test_the_arguments_of_other_subcommands_are_left_out(settings):
    text = ARGPARSE + (
        "sub = parser.add_subparsers()\ntest = sub.add_parser('test')\ntrain = sub.add_parser('train')\n"
        "test.add_argument('--k', type=int, default=1)\ntrain.add_argument('--lr', type=float, default=1)\n"
    )
    assert [*settings(text)] == ["lr"]


def test_click_flags_choices_and_ranges(settings):
    found = settings(
        "import click\n@click.command()\n"
        "@click.option('--lr', '-l', type=click.FloatRange(0, 1), default=0.1)\n"
        "@click.option('--opt', 'optimizer', type=click.Choice(['sgd', 'adam']), default='adam')\n"
        "@click.option('--ema/--no-ema', default=True)\n@click.argument('path')\ndef main(**given): ...\n"
    )
    assert found["lr"].kind is Kind.FLOAT
    assert (found["optimizer"].choices, found["optimizer"].told) == (("sgd", "adam"), "--opt")
    assert (found["ema"].off, found["ema"].default) == ("--no-ema", True)
    assert (found["path"].form, found["path"].required) == (Form.POSITION, True)


def test_typer_annotations_and_fire_booleans(settings):
    found = settings(
        "import typer\ndef main(data: str, lr: 'float | None' = 0.1, use_ema: bool = False): ...\ntyper.run(main)\n"
    )
    assert (found["data"].form, found["data"].required) == (Form.POSITION, True)
    assert (found["use_ema"].told, found["use_ema"].off) == ("--use-ema", "--no-use-ema")
    assert found["lr"].kind is Kind.FLOAT
    found = settings("import fire\ndef train(lr=0.1, shuffle=True): ...\nfire.Fire(train)\n")
    assert found["shuffle"].choices == ("True", "False"), "fire takes `true` for a text"


def test_hydra_composes_its_defaults_list(settings, tmp_path):
    (tmp_path / "conf" / "opt").mkdir(parents=True)
    (tmp_path / "conf" / "config.yaml").write_text("defaults:\n  - opt: adam\n  - _self_\nopt:\n  lr: 0.5\nroot: ???\n")
    (tmp_path / "conf" / "opt" / "adam.yaml").write_text("lr: 0.1\nbeta1: 0.9\n")
    found = settings("import hydra\n@hydra.main(config_path='conf', config_name='config')\ndef main(cfg): ...\n")
    assert {name: one.default for name, one in found.items()} == {"opt.lr": 0.5, "opt.beta1": 0.9, "root": None}
    assert found["root"].required


def test_training_arguments_of_transformers_are_known(settings):
    found = settings(
        "from transformers import HfArgumentParser, TrainingArguments\nHfArgumentParser((TrainingArguments,))\n"
    )
    assert found["learning_rate"].default == 5e-5


def test_literals_that_stand_once(settings):
    found = settings(
        "LR = 0.1\nN = 3\nN = 4\nconfig = {'optimizer': {'lr': 1e-3}, 'name': 'x'}\n"
        "class CFG:\n    epochs = 3\nclf = SVC(C=2.0, random_state=1)\nother = SVC(gamma=1)\nSVC(gamma=2)\n"
        "def f():\n    batch_size = 8\n    unrelated = 5\n"
    )
    assert {*found} == {"LR", "config.optimizer.lr", "config.name", "CFG.epochs", "SVC.C", "batch_size"}


def test_literals_join_a_command_line_that_lacks_them(settings):
    found = settings(f"{ARGPARSE}parser.add_argument('--lr', type=float, default=0.1)\nLR = 2\nBATCH_SIZE = 8\n")
    assert {*found} == {"lr", "BATCH_SIZE"}


def test_a_setting_of_a_shell_script(settings):
    found = settings("#!/bin/sh\nLR=0.1\ncase $1 in\n --lr) LR=$2 ;;\nesac\nN=${BATCH:-8}\n", "run.sh")
    assert (found["LR".lower()].told, found["lr"].default) == ("--lr", 0.1)
    assert (found["batch"].form, found["batch"].default) == (Form.ENVIRONMENT, 8)


def test_a_setting_of_an_r_script_by_position(settings):
    found = settings(
        "args <- commandArgs(trailingOnly = TRUE)\nlr <- if (length(args) > 0) as.numeric(args[1]) else 0.1\n"
        "n <- as.integer(args[2])\n",
        "run.R",
    )
    assert (found["lr"].default, found["lr"].required) == (0.1, False)
    assert (found["n"].kind, found["n"].required) == (Kind.INT, True)


def test_a_script_that_is_no_utf8(tmp_path):
    (tmp_path / "train.py").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="isn't UTF-8"):
        script_at(tmp_path / "train.py", "train.py")
