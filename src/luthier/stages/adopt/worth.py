"""Which settings of a script are worth tuning, and over which range; of the others, why not.

What a name means comes first (`lr` is a learning rate); usual ranges are those of `core.meaning`, moved so that they
hold what the script has today. A setting whose meaning isn't known is left as it is: a wrong range costs more than
a missing one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from luthier.core.meaning import by_meaning, known_meanings
from luthier.core.parameter import Choice, Float, Int, Parameter
from luthier.stages.adopt.found import Form, Kind, Setting
from luthier.stages.adopt.names import (
    ACCUMULATION,
    BETAS,
    CHOICES,
    CLIPS,
    DEPTHS,
    FACTORS,
    FOLDERS,
    MEANINGS,
    NOT_TUNED,
    SCALES,
    SEEDS,
    SWITCHES,
    WIDTHS,
)

TRAINING, ARCHITECTURE, MODEL = "training", "architecture", "model"


class Role(StrEnum):
    """What a task does with a setting."""

    TUNE = "tune"
    EPOCHS = "epochs"  # how long it trains: the fidelity, or fixed
    SEED = "seed"
    OUTPUT = "output"  # a folder that it writes to: each run gets its own
    FIXED = "fixed"


@dataclass(frozen=True)
class Judged:
    """A setting with its role; `parameter` and `lever` where it is tuned, and the reason for either."""

    setting: Setting
    role: Role
    reason: str
    lever: str = ""
    parameter: Parameter | None = None
    meaning: str = ""


_TRAINING = ("learning_rate", "weight_decay", "momentum", "label_smoothing", "warmup_fraction", "batch_size")
_MODEL = tuple(name for name in known_meanings() if name not in (*_TRAINING, "epochs", "dropout"))


def is_known(name: str) -> bool:
    """Whether the meaning of a setting called `name` is known: some range would be proposed for it, or it is epochs."""
    plain = name.rpartition(".")[2].lower().replace("-", "_")
    patterns = (WIDTHS, DEPTHS, CLIPS, SEEDS, CHOICES)
    return plain in MEANINGS or any(pattern.fullmatch(plain) for pattern in patterns)


def judge(setting: Setting, *, schedules: bool = False) -> Judged:
    """The role of a setting, with its range where it is to be tuned; `schedules` where the script has a schedule."""
    plain = setting.plain
    if plain == "gamma" and schedules:  # of the schedule, not of a kernel
        plain = "lr_gamma"
    if SEEDS.fullmatch(plain) and setting.kind is not Kind.TEXT:
        return Judged(setting, Role.SEED, "each measurement gets a seed of its own")
    if FOLDERS.fullmatch(plain) and setting.kind is not Kind.SWITCH and setting.form is not Form.LITERAL:
        return Judged(setting, Role.OUTPUT, "each run writes to a folder of its own")
    meaning = MEANINGS.get(plain, "") or MEANINGS.get(_without_words(plain), "") or _by_help(setting)
    if meaning == "epochs" and not setting.choices:
        return Judged(setting, Role.EPOCHS, "how long it trains", meaning=meaning)
    if setting.choices or setting.kind in (Kind.SWITCH, Kind.TEXT):
        return _judge_chosen(setting, plain)
    if not meaning:
        for reason, pattern in NOT_TUNED:
            if pattern.fullmatch(plain):
                return Judged(setting, Role.FIXED, reason)
    if not isinstance(setting.default, int | float) or isinstance(setting.default, bool):
        if meaning and setting.required:
            usual = by_meaning(meaning)
            return Judged(
                setting, Role.TUNE, f"{_words(meaning)}; the script has no default, so this is a usual one",
                _lever(meaning), replace(_plainly(usual), default=usual.default), meaning,
            )  # fmt: skip
        return Judged(setting, Role.FIXED, "no number in the script to start from", meaning=meaning)
    return _judge_number(setting, plain, meaning, float(setting.default))


def _by_help(setting: Setting) -> str:
    """What the help text says that a number means; '' where it doesn't, or where it may mean something near it."""
    text = setting.help.lower()
    if setting.kind is Kind.INT and re.search(
        r"(number of|num|how many|total) (training )?epochs|epochs to train", text
    ):
        return "epochs"
    if re.search(r"decay|sched|factor|gamma|step|warm|final|minimum|test|eval|valid|every|interval|log", text):
        return ""
    if setting.kind is Kind.FLOAT and re.match(r"(the |initial |base |peak )*learning rate", text):
        return "learning_rate"
    return (
        "batch_size"
        if setting.kind is Kind.INT and re.match(r"(the |input |training |mini-?)*batch ?size", text)
        else ""
    )


def _judge_number(setting: Setting, plain: str, meaning: str, default: float) -> Judged:
    whole = setting.kind is Kind.INT or (setting.kind is Kind.UNKNOWN and isinstance(setting.default, int))

    def tuned(why: str, lever: str, parameter: Parameter) -> Judged:
        return Judged(setting, Role.TUNE, why, lever, parameter, meaning)

    if meaning == "batch_size" and default >= 1:
        return tuned("batch size: around today's", TRAINING, _around(default, 4, whole=True))
    if plain == "gamma" and 0.8 < default < 1:
        return tuned("a discount or a decay, near one", TRAINING, Float(0.8, max(0.9999, default), default=default))
    if meaning:
        return tuned(f"{_words(meaning)}: the usual range", _lever(meaning), _usual(meaning, default, whole))
    if WIDTHS.fullmatch(plain) and default >= 1:
        return tuned("a width: around today's", ARCHITECTURE, _around(default, 4, whole=True))
    if DEPTHS.fullmatch(plain) and default >= 1:
        return tuned("a depth: around today's", ARCHITECTURE, Int(1, max(4, int(2 * default)), default=int(default)))
    if CLIPS.fullmatch(plain):
        if default > 0:
            return tuned("gradient clipping: around today's", TRAINING, _around(default, 10, whole=False))
        return tuned("gradient clipping: off, or usual values", TRAINING, _or_zero(default, (0.1, 0.5, 1.0, 5.0)))
    if BETAS.fullmatch(plain) and 0 < default < 1:
        return tuned("a decay of averages", TRAINING, Float(min(0.8, default), max(0.9999, default), default=default))
    if FACTORS.fullmatch(plain) and 0 < default <= 1:
        return tuned("a decay factor", TRAINING, Float(min(0.1, default), 1.0, default=default))
    if ACCUMULATION.fullmatch(plain) and default >= 1:
        return tuned(
            "multiplies the batch size", TRAINING, Int(1, max(8, int(2 * default)), log=True, default=int(default))
        )
    if SCALES.fullmatch(plain) and default > 0:
        return tuned("around today's", TRAINING, _around(default, 10, whole=whole))
    return Judged(setting, Role.FIXED, "unknown to luthier; give it a range if it matters")


def _judge_chosen(setting: Setting, plain: str) -> Judged:
    if setting.kind is Kind.SWITCH and not setting.choices:
        default = bool(setting.default) if setting.default is not None else False
        if SWITCHES.fullmatch(re.sub(r"^(no|use|with|disable|enable)_", "", plain)) or SWITCHES.fullmatch(plain):
            return Judged(setting, Role.TUNE, "on or off", TRAINING, Choice((False, True), default=default))
        return _fixed(setting, plain, "a switch that luthier doesn't know")
    options = tuple(dict.fromkeys(setting.choices))
    sizes = plain in MEANINGS and all(isinstance(one, int | float) for one in options)
    if len(options) > 1 and (CHOICES.fullmatch(plain) or sizes) and not any(one is None for one in options):
        default = setting.default if setting.default in options else options[0]
        lever = ARCHITECTURE if re.match(r"act|arch|model|norm|pool|rnn|nonlin", plain) else TRAINING
        return Judged(
            setting, Role.TUNE, "one of the script's choices", lever, Choice(options, default=default),
            MEANINGS.get(plain, ""),
        )  # fmt: skip
    return _fixed(
        setting, plain, "a choice that luthier doesn't know" if options else "a free text: no range to search"
    )


def _fixed(setting: Setting, plain: str, otherwise: str) -> Judged:
    reason = next((reason for reason, pattern in NOT_TUNED if pattern.fullmatch(plain)), otherwise)
    if setting.kind is Kind.SWITCH and reason in ("a path", "a name"):
        reason = "what it reads or writes, not what it learns"
    return Judged(setting, Role.FIXED, reason)


def _usual(meaning: str, default: float, whole: bool) -> Parameter:
    """The usual range, widened so that it holds the default with room on both sides."""
    usual = _plainly(by_meaning(meaning))
    if isinstance(usual, Int):
        if default < 1 or default != default // 1:
            return Float(min(default, 0.0), max(2 * default, 1.0), default=default)
        low, high = min(usual.low, max(1, int(default / 4))), max(usual.high, int(default * 2))
        return Int(low, high, log=usual.log, default=int(default))
    assert isinstance(usual, Float)
    if whole and default >= 1:
        return _around(default, 10, whole=True)
    if usual.log and default <= 0:
        return _or_zero(default, _decades(usual.low, min(usual.high, 0.1)))
    if usual.log:
        return Float(
            _rounded(min(usual.low, default / 10)), _rounded(max(usual.high, default * 10)), log=True, default=default
        )
    return Float(min(usual.low, default), max(usual.high, default), default=default)


def _around(default: float, factor: float, *, whole: bool) -> Parameter:
    if whole:
        return Int(max(1, round(default / factor)), max(2, round(default * factor)), log=True, default=round(default))
    return Float(_rounded(default / factor), _rounded(default * factor), log=True, default=default)


def _or_zero(default: float, values: tuple[float, ...]) -> Choice:
    return Choice(tuple(sorted({*values, default})), ordered=True, default=default)


def _decades(low: float, high: float) -> tuple[float, ...]:
    found, value = [], low
    while value <= high * 1.001:
        found.append(_rounded(value))
        value *= 10
    return tuple(found)


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


def _plainly(parameter: Parameter) -> Float | Int:
    assert isinstance(parameter, Float | Int)
    return replace(parameter, prior=None)


def _lever(meaning: str) -> str:
    if meaning in _MODEL:
        return MODEL
    return ARCHITECTURE if meaning == "dropout" else TRAINING


def _words(meaning: str) -> str:
    return meaning.replace("_", " ")


def _without_words(plain: str) -> str:
    """The name without what it belongs to: 'sgd_lr' and 'model_dropout' are 'lr' and 'dropout'."""
    return re.sub(
        r"^(sgd|adamw?|optimi[sz]er|opt|train|training|model|net|clf|init|default|head|backbone|encoder|g|d)_",
        "",
        plain,
    )
