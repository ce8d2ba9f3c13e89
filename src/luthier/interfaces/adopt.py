"""`luthier adopt`: reads a script, writes its task file, and says what it found, what it chose and why."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.core.budget import Budget
from luthier.core.errors import UsageError
from luthier.core.parameter import Choice, Float, Int, Parameter
from luthier.stages.adopt.proposal import Proposal, propose
from luthier.stages.adopt.script import script_at
from luthier.stages.adopt.task_file import text_of
from luthier.stages.adopt.worth import Role

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Adopted:
    """The task file that was written, what to show of it, and what the user must do before it runs ('' if nothing)."""

    path: Path
    proposal: Proposal
    screen: RenderableType
    todo: str


def adopt_script(
    script: Path,
    arguments: Sequence[str] = (),
    *,
    metric: str | None = None,
    budget: str = "20 trials",
    output: Path | None = None,
    force: bool = False,
) -> Adopted:
    """Write the task file for `script`, which is run with `arguments` in the current folder today.

    Raises UsageError where the script can't be read or has nothing to tune, and for a file that is there already.
    """
    Budget.parse(budget)
    path = output if output is not None else Path(f"{script.stem}.task.yaml")
    if path.exists() and not force:
        raise UsageError(f"'{path}' is there already; write over it by --force, or name another file by --output")
    if not script.is_file():
        raise UsageError(f"there is no script '{script}'; check the path")
    proposal = propose(script_at(script, shlex.quote(script.as_posix())), metric=metric, arguments=arguments)
    cwd = Path(os.path.relpath(Path.cwd(), path.resolve().parent)).as_posix()
    text = text_of(proposal, budget=budget, cwd=cwd)
    _check(text, path)
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"'{path}' can't be written: {error.strerror}; name another file by --output") from None
    return Adopted(path, proposal, _screen(proposal, path), _todo(proposal, script, path))


def _check(text: str, path: Path) -> None:
    """Read the text as a task before it is written: a file that can't be used helps nobody."""
    import tempfile

    from luthier.study.spec import read_task

    with tempfile.TemporaryDirectory(prefix="luthier-") as folder:
        written = Path(folder) / path.name
        written.write_text(text, "utf-8")
        read_task(written)


def _todo(proposal: Proposal, script: Path, path: Path) -> str:
    if proposal.metric is None:
        return (
            f"'{path}' is written, but '{script}' tells no number that could be optimized; add to it, where it knows "
            f"how good the model is: {proposal.script.to_print}"
        )
    if proposal.missing:
        return (
            f"'{path}' is written, but the script needs {', '.join(proposal.missing)}; fill in FILL_IN there, or give "
            f"what you give today: {_line(['luthier', 'adopt', str(script), '--force', '--'])} "
            f"{' '.join(proposal.missing)} ..."
        )
    return ""


def _screen(proposal: Proposal, path: Path) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Setting", no_wrap=True)
    table.add_column("Now", justify="right", no_wrap=True)
    table.add_column("Range", no_wrap=True, overflow="ellipsis")
    table.add_column("Why")
    for one in proposal.tuned:
        table.add_row(
            Text(one.setting.name), Text(_value(one.setting.default)), Text(_range(one.parameter)), Text(one.reason)
        )
    parts: list[Any] = [
        Text(f"{proposal.script.name}: {len(proposal.script.settings)} settings ({proposal.script.reader})"),
        Text(),
        table,
        Text(),
    ]
    left = [one.setting.name for one in proposal.others if one.role is Role.FIXED]
    if left:
        parts.append(Text(f"Left as they are: {', '.join(left)} (the task file says why)"))
    parts.append(Text(f"Metric: {_metric(proposal)}"))
    parts.append(Text(f"Epochs: {_epochs(proposal)}"))
    parts += [Text(f"Mind: {warning}.", style="yellow") for warning in proposal.warnings]
    if proposal.is_ready:
        parts += [Text(), Text(f"Written to {path}. Look at its ranges, then:"), Text()]
        parts.append(Text(f"  {_line(['luthier', 'tune', str(path)])}", no_wrap=True, overflow="ignore"))
    return Group(*parts)


def _metric(proposal: Proposal) -> str:
    metric = proposal.metric
    if metric is None:
        return "none found"
    where = f", line {metric.line.number}" if metric.line.number else ""
    how = f"by the pattern {metric.pattern}" if metric.pattern is not None else "from its lines of JSON"
    others = [one for one in dict.fromkeys(one.name for one in proposal.heard) if one != metric.name]
    rest = f"; it also tells: {', '.join(others)} (choose by --metric)" if others else ""
    return f"{metric.direction} {metric.name} ({metric.line.often}{where}), read {how}{rest}"


def _epochs(proposal: Proposal) -> str:
    if proposal.epochs > 1:
        return f"{proposal.epochs}: {proposal.why_epochs}, so bad runs are stopped early"
    found = [one.setting for one in proposal.others if one.role is Role.EPOCHS]
    fixed = f"{found[0].name} stays {_value(found[0].default)}; " if found and found[0].default is not None else ""
    why = proposal.why_epochs if proposal.metric is not None else "no metric is told"
    return f"{fixed}{why}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _range(parameter: Parameter | None) -> str:
    if isinstance(parameter, Float | Int):
        return f"{_value(parameter.low)} to {_value(parameter.high)}{' (log)' if parameter.log else ''}"
    if isinstance(parameter, Choice):
        return ", ".join(map(_value, parameter.options))
    return ""


def _line(words: Sequence[str]) -> str:
    return shlex.join(words)
