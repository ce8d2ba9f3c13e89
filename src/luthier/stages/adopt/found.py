"""What reading a script finds: settings that it can be told, and lines that it says.

Setting("lr", Form.OPTION, "--lr", Kind.FLOAT, default=0.01)        told as: --lr 0.01
Line(("val loss ", Field("val_loss")), often=Often.EPOCH)           says:    val loss 0.31
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from luthier.core.parameter import Scalar


class Form(StrEnum):
    """How a setting is told to its script."""

    OPTION = "option"  # --lr 0.1
    EQUALS = "equals"  # --lr=0.1, lr=0.1
    POSITION = "position"  # 0.1
    SWITCH = "switch"  # --nesterov, or nothing
    ENVIRONMENT = "environment"  # LR=0.1 before the command
    LITERAL = "literal"  # LR=0.1, put into the script's text as it starts


class Kind(StrEnum):
    """What values a setting takes, as far as the script says."""

    FLOAT = "float"
    INT = "int"
    SWITCH = "switch"
    TEXT = "text"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Setting:
    """One setting of a script: `name` as the script calls it, `told` as a command line does.

    `default` is None where there is none, or none that can be read. `off` tells a switch that it is off.
    """

    name: str
    form: Form
    told: str = ""
    kind: Kind = Kind.UNKNOWN
    default: Scalar = None
    choices: tuple[Scalar, ...] = ()
    required: bool = False
    off: str = ""
    help: str = ""
    line: int = 0

    @property
    def plain(self) -> str:
        """The last part of the name, in lower case: 'optimizer.lr' and '--LR' are 'lr'."""
        return self.name.rpartition(".")[2].lower().replace("-", "_")

    def arguments(self, value: str) -> tuple[str, ...]:
        """The arguments that tell `value`, a text or a placeholder in braces."""
        if self.form is Form.OPTION:
            return (self.told, value)
        if self.form is Form.POSITION:
            return (value,)
        if self.form is Form.SWITCH:
            return (f"{value[:-1]}:{self.told}{f'|{self.off}' if self.off else ''}}}",)
        return (f"{self.told}={value}",)


@dataclass(frozen=True)
class Field:
    """A value in a line: the expression that it comes from. `quoted` where it is shown as Python's repr does."""

    expression: str
    quoted: bool = False


class Often(StrEnum):
    """How often a line is said."""

    EPOCH = "once an epoch"
    MANY = "many times an epoch"
    ONCE = "once, or who knows when"


class Stream(StrEnum):
    """Where a line goes."""

    OUT = "standard output"
    ERROR = "standard error"


@dataclass(frozen=True)
class Line:
    """A line that the script says: texts and values in order; `keys` maps the keys of a line of JSON to expressions.

    `where` is the function that says it; `epochs` is what bounds the loop around it, as the script writes it.
    """

    parts: tuple[str | Field, ...]
    stream: Stream = Stream.OUT
    often: Often = Often.ONCE
    where: str = ""
    number: int = 0
    keys: tuple[tuple[str, str], ...] = ()
    epochs: str = ""


@dataclass(frozen=True)
class Options:
    """The settings that one kind of reader found, with the subcommand before them and arguments after them."""

    settings: tuple[Setting, ...] = ()
    subcommand: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Script:
    """What was found in one script. `starts` are the arguments before all others: the program and the file.

    `subcommand` and `ends` stand before and after the settings; `reader` says what kind of settings they are;
    `to_print` is a line in its language that tells a metric. `stops_early` and `schedules` say whether the text
    speaks of early stopping and of learning-rate schedules.
    """

    name: str
    starts: tuple[str, ...]
    settings: tuple[Setting, ...] = ()
    lines: tuple[Line, ...] = ()
    subcommand: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    reader: str = ""
    stops_early: bool = False
    schedules: bool = False
    to_print: str = 'print(json.dumps({"score": value}), flush=True)'
