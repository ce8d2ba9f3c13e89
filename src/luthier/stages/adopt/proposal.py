"""What to tune of a script, by which metric, over how many epochs, and by which command: a value, before any text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from luthier.core.errors import UsageError
from luthier.core.parameter import Choice, Float, Int
from luthier.stages.adopt.found import Form, Kind, Often, Script, Setting, Stream
from luthier.stages.adopt.metric import Candidate, candidates, named
from luthier.stages.adopt.usual import with_usual
from luthier.stages.adopt.worth import TRAINING, Judged, Role, judge
from luthier.stages.command import PLACEHOLDERS

MISSING_METRIC = "score"
"""The key of the line of JSON that a script is asked to print where it prints nothing that can be used."""


@dataclass(frozen=True)
class Proposal:
    """A task in parts. `command` holds placeholders; `names` maps the settings that it names to those of the script.

    `epochs` is how many the command is to tell of, 0 where only its last line counts, and `why_epochs` says why.
    `missing` are the arguments that the user must fill in; `warnings` are sentences.
    """

    script: Script
    tuned: tuple[Judged, ...]
    others: tuple[Judged, ...]
    names: dict[str, str]
    metric: Candidate | None
    heard: tuple[Candidate, ...]
    command: tuple[str, ...]
    epochs: int
    why_epochs: str
    missing: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """Whether the task runs as it is: the script tells its metric, and needs nothing that isn't known."""
        return self.metric is not None and not self.missing


def propose(script: Script, *, metric: str | None = None, arguments: Sequence[str] = ()) -> Proposal:
    """The proposal for a script that is run with `arguments` today.

    Raises UsageError where it has no setting that can be tuned, or `metric` can't be understood.
    """
    script, given = with_usual(script, arguments)
    settings = {one.name: one for one in script.settings}.values()
    judged = _distinct([judge(one, schedules=script.schedules) for one in settings])
    if any(_HEADS.fullmatch(one.setting.plain) for one in judged):
        judged = tuple(_divisible(one, judged) for one in judged)
    tuned = tuple(one for one in judged if one.role is Role.TUNE)
    if not tuned:
        judged = tuple(_anyhow(one) for one in judged)
        tuned = tuple(one for one in judged if one.role is Role.TUNE)
    if not tuned:
        raise UsageError(_nothing_to_tune(script))
    heard = candidates(script.lines)
    chosen = named(metric, script.lines) if metric is not None else (heard[0] if heard else None)
    epochs, why = _epochs(script, judged, chosen)
    names = _names(tuned)
    command, missing = _command(script, judged, given, names, until=epochs > 0 and not script.schedules)
    return Proposal(
        script, tuned, tuple(one for one in judged if one.role is not Role.TUNE), names, chosen, heard, command,
        epochs, why, missing, tuple(_warnings(script, chosen, missing)),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------- settings


def _distinct(judged: Sequence[Judged]) -> tuple[Judged, ...]:
    """Of literals that mean the same, only the first is tuned: the others are likely other uses of it."""
    seen: set[str] = set()
    found: list[Judged] = []
    for one in judged:
        repeated = one.meaning and one.meaning in seen and one.setting.form is Form.LITERAL
        if repeated and one.role is Role.TUNE and "." not in one.setting.name:
            one = replace(
                one, role=Role.FIXED, reason=f"another literal is the {one.meaning.replace('_', ' ')} already"
            )
        seen.add(one.meaning)
        found.append(one)
    return tuple(found)


_HEADS = re.compile(r"(num|n)_?(attention_)?heads?|nhead")


def _divisible(one: Judged, judged: Sequence[Judged]) -> Judged:
    """A width as today's doubled or halved, which the number of attention heads divides as it does today."""
    default = one.setting.default
    if one.role is not Role.TUNE or not one.reason.startswith("a width") or not isinstance(default, int):
        return one
    heads = [two.setting.default for two in judged if _HEADS.fullmatch(two.setting.plain)]
    widths = [width for width in (default // 4, default // 2, default, 2 * default, 4 * default) if width]
    fitting = [width for width in widths if all(not isinstance(n, int) or not n or width % n == 0 for n in heads)]
    if default not in fitting:
        return one
    return replace(one, parameter=Choice(tuple(fitting), ordered=True, default=default))


def _anyhow(one: Judged) -> Judged:
    """A range around a number of unknown meaning, for a script that has nothing better."""
    default = one.setting.default
    if one.role is not Role.FIXED or "unknown to luthier" not in one.reason or not isinstance(default, int | float):
        return one
    if default <= 0 or one.setting.form is Form.LITERAL:
        return one
    whole = one.setting.kind is Kind.INT
    low, high = (max(1, int(default) // 4), max(2, int(default) * 4)) if whole else (default / 10, default * 10)
    kind = Int if whole else Float
    parameter = kind(low, high, log=True, default=default)  # type: ignore[arg-type]
    reason = "unknown to luthier: a guess around today's value"
    return replace(one, role=Role.TUNE, lever=TRAINING, parameter=parameter, reason=reason)


def _names(tuned: Sequence[Judged]) -> dict[str, str]:
    """The name in the task of each tuned setting: the script's own, without signs that a task can't have."""
    names: dict[str, str] = {}
    for one in tuned:
        full = re.sub(r"\W", "_", one.setting.name, flags=re.ASCII)
        plain = re.sub(r"\W", "_", one.setting.plain, flags=re.ASCII)
        wanted = plain if plain not in names.values() else full
        while wanted in names.values() or wanted in PLACEHOLDERS or not re.match(r"[A-Za-z_]", wanted):
            wanted = f"{wanted}_" if re.match(r"[A-Za-z_]", wanted) else f"_{wanted}"
        names[one.setting.name] = wanted
    return names


def _nothing_to_tune(script: Script) -> str:
    if not script.settings:
        return (
            f"'{script.name}' has no setting that could be found: no command line (argparse, click, typer, Hydra, "
            "fire, absl, dataclasses; in shell and R arguments with defaults) and no constant such as "
            "LEARNING_RATE = 1e-3; give the numbers that you want tuned a name of their own"
        )
    found = ", ".join(one.name for one in script.settings[:12])
    return (
        f"none of the settings of '{script.name}' is one that luthier can give a range to; found were: {found}; write "
        "a task file by hand with the ranges that you want, see the README's 'A program in any language'"
    )


# ------------------------------------------------------------------------------------------------- epochs


def _epochs(script: Script, judged: Sequence[Judged], metric: Candidate | None) -> tuple[int, str]:
    """How many epochs are told of, one line each; 0 and why where that isn't sure."""
    setting = next((one.setting for one in judged if one.role is Role.EPOCHS), None)
    if metric is None or metric.line.often is not Often.EPOCH:
        return 0, "the metric isn't told once an epoch, so its last line counts"
    if script.stops_early or not metric.line.epochs:
        return 0, "the script may end before its last epoch, so the last line counts"
    bound = metric.line.epochs
    name = re.split(r"[.\[\]\"'()]+", bound.strip("\"'])"))[-1]
    default = setting.default if setting is not None else None
    if bound.isdecimal():
        return int(bound), "the script tells its metric once an epoch"
    fits = setting is not None and (name.lower() == setting.plain or "epoch" in name.lower() or name == "n_epochs")
    if fits and isinstance(default, int | float) and default >= 1:
        return int(default), "the script tells its metric once an epoch"
    return 0, "how many epochs there are isn't known, so the last line counts"


# ------------------------------------------------------------------------------------------------- command


def _command(
    script: Script, judged: Sequence[Judged], given: frozenset[str], names: dict[str, str], *, until: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The arguments of the command, and those of them that the user must fill in."""
    parts: dict[Form, list[str]] = {form: [] for form in Form}
    missing: list[str] = []
    positions = [one for one in judged if one.setting.form is Form.POSITION]
    last = max(
        (place for place, one in enumerate(positions) if one.role is Role.TUNE or one.setting.required), default=-1
    )
    for one in judged:
        setting = one.setting
        needed = setting in [other.setting for other in positions[: last + 1]]
        value = _value(one, given, names, needed=needed, until=until)
        if value is None:
            continue
        if value.startswith("FILL_IN"):
            missing.append(setting.told or setting.name)
        if setting.form is Form.SWITCH and not value.startswith("{"):
            parts[Form.SWITCH] += [text for text in ((setting.told if value == "true" else setting.off),) if text]
        else:
            parts[setting.form] += setting.arguments(value)
    literals = parts[Form.LITERAL]
    environment = ["env", *parts[Form.ENVIRONMENT]] if parts[Form.ENVIRONMENT] else []
    own = [
        *script.subcommand,
        *parts[Form.POSITION],
        *parts[Form.OPTION],
        *parts[Form.EQUALS],
        *parts[Form.SWITCH],
        *script.ends,
    ]
    return (*environment, *script.starts, *literals, *(["--"] if literals and own else []), *own), tuple(missing)


def _value(one: Judged, given: frozenset[str], names: dict[str, str], *, needed: bool, until: bool) -> str | None:
    """What the command says for a setting: a placeholder, a value, or None where it needn't be named."""
    setting = one.setting
    if one.role is Role.TUNE:
        return f"{{{names[setting.name]}}}"
    if one.role is Role.SEED:
        return "{seed}"
    if one.role is Role.OUTPUT and setting.form is not Form.LITERAL:
        return "{output_dir}"
    if one.role is Role.EPOCHS and until:
        return "{until}"
    if setting.name in given or (needed and setting.default is not None):
        return _escaped(setting)
    return f"FILL_IN_{setting.name.upper()}" if setting.required or needed else None


def _escaped(setting: Setting) -> str:
    value = setting.default
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    return text.replace("{", "{{").replace("}", "}}")


def _warnings(script: Script, metric: Candidate | None, missing: Sequence[str]) -> list[str]:
    found: list[str] = []
    if metric is None:
        found.append(
            "the script prints no number that could be optimized; add one line where it knows how good the model is: "
            + script.to_print
        )
    elif metric.split == "test":
        found.append(
            "the script only tells how good it is on its test rows; tuning by them makes the final number too good: "
            "let it measure on rows that are neither trained on nor the test"
        )
    elif metric.split == "train" or (
        metric.quantity == "loss" and not metric.split and metric.line.often is not Often.ONCE
    ):
        found.append(
            "the only number that can be used seems to be of the rows that are trained on; tuning by it overfits: "
            "let the script print a validation metric"
        )
    if metric is not None and metric.line.often is Often.MANY:
        found.append("the metric is told many times an epoch; the last one counts")
    if missing:
        found.append(f"the script needs {', '.join(missing)}; fill in what stands as FILL_IN in the task file")
    return found


def is_on_stderr(proposal: Proposal) -> bool:
    """Whether the metric's line goes to standard error, where logging and progress bars write."""
    return proposal.metric is not None and proposal.metric.line.stream is Stream.ERROR
