"""The Python calls: `lt.tune`, and `lt.ask_tell` for a loop of one's own."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, cast

from luthier.core.budget import Budget
from luthier.core.errors import UsageError
from luthier.core.events import StudyCreated
from luthier.core.lever import DRAWN_LEVER, Lever
from luthier.core.metric import Metric
from luthier.core.parameter import Parameter
from luthier.core.trial import Fidelity
from luthier.data.arrays import as_dataset
from luthier.data.read import is_table
from luthier.interfaces.live import LiveView
from luthier.study.ask_tell import UNBOUNDED, AskTell
from luthier.study.build import dotted, make_problem, pairs, resolve_metric, runner_maker, searcher_maker, stage_of
from luthier.study.home import checked_name, free_name, latest_name, open_home
from luthier.study.study import Study

Levers = Mapping[str, Mapping[str, Parameter]] | Mapping[str, Parameter]
"""Settings by lever; or settings by name, which are then one lever."""
Component = str | Mapping[str, Any]
"""A searcher or pruner: its name, or with options {"name": "asha", "eta": 4}."""


def tune(
    what: Any,
    data: Any = None,
    *,
    metric: str | Metric | None = None,
    budget: str | Budget,
    target: str | None = None,
    levers: Levers | None = None,
    baseline: Mapping[str, Mapping[str, Any]] | None = None,
    searcher: Component = "model",
    pruner: Component | None = None,
    fidelity: Fidelity | None = None,
    held_out: float = 0.2,
    folds: int = 5,
    confirm: int = 3,
    workers: int | None = None,
    seed: int = 0,
    name: str | None = None,
    store: str | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Study:
    """Tune `what` until `budget` is spent, and return the concluded study.

        study = lt.tune(loss, metric=lt.Metric("loss", "minimize"), budget="100 trials",
                        levers={"settings": {"x": lt.Float(-1, 1)}})
        study.show(), study.best, study.verdict

    `what` is a stage, a function of its settings (also define-by-run: `f(trial)`), or with `data` a
    scikit-learn estimator, its class, or a function of a settings dict that makes one. Or it is the path of a table,
    and models of it are tuned:

        study = lt.tune("customers.csv", target="churned", budget="60s")

    What was inferred of the table is told and written down as a task file, which `luthier tune` runs too.

    data          what an estimator learns from: a Dataset (`lt.read_table(path, target=...)`), or (X, y) of arrays
                  or frames; y may be the name of a column of X
    metric        the name of one that luthier knows, or of your own: `lt.Metric(name, "minimize")`; of a table one is
                  inferred unless stated
    budget        '60s', '3m', '100 trials', '$5', or several: '2h, $5'
    target        of a table, the column to predict; that with a name such as 'target' or 'label' unless stated
    levers        each lever's settings by its name, or the settings of one lever; a define-by-run function needs none
    baseline      what you start from, settings by lever; the defaults of the settings unless stated
    searcher      and `pruner`: by name, or with options: {"name": "asha", "eta": 4}
    fidelity      the unit that a measurement counts in, and how many there are; folds for an estimator
    held_out      the share of the rows that nothing sees until the end; `folds` are made of the others
    confirm       how many of the best are measured again on fresh folds before the test
    workers       processes; one a core unless stated, 0 runs everything in this one
    seed          what everything random follows from
    name          the study's; without it that of `what`, with a number after it where that is taken
    store         where studies are kept: a file, a database URL, or 'memory:'; .luthier/studies.db unless stated
    resume        go on with the study where there is one
    progress      show the live view

    Raises UsageError for what can't be done as asked, StageError where the baseline can't be measured.
    """
    if isinstance(what, str | PathLike) and (data is None or is_table(Path(what))):
        mine = {"data": data, "levers": levers, "baseline": baseline, "fidelity": fidelity}
        stated = [option for option, value in mine.items() if value is not None]
        if stated:
            raise UsageError(
                f"of a table, luthier chooses {stated[0]} itself; change it in the task file that it writes, or pass "
                f"an estimator and lt.read_table({str(what)!r}, target=...)"
            )
        options = {"held_out": held_out, "folds": folds, "confirm": confirm, "searcher": searcher, "pruner": pruner}
        usual = inspect.signature(tune).parameters
        changes = {option: value for option, value in options.items() if value != usual[option].default}
        changes |= {"seed": seed} | ({} if workers is None else {"workers": workers})
        # Without the commas of '1,000 trials', which would part it into two.
        text = budget if isinstance(budget, str) else re.sub(r"(?<=\d),(?=\d{3})", "", str(budget))
        return _tune_table(Path(what), target, metric, text, changes, name, store, resume, progress)
    if target is not None:
        raise UsageError(
            "target= names a column of a table that is given by its path; of others the data say it: "
            "lt.read_table(path, target=...), or (X, y)"
        )
    if metric is None:
        raise UsageError(
            "metric= is missing: name what to get better at, such as 'accuracy', or lt.Metric('loss', 'minimize')"
        )
    home = open_home(store)
    dataset = None if data is None else as_dataset(data)
    chosen_metric = _metric(metric, with_data=dataset is not None)
    chosen_levers = _levers(levers or {})
    stage = stage_of(what, chosen_levers, chosen_metric, fidelity, pairs(dataset, folds), with_data=dataset is not None)
    problem = make_problem(
        stage,
        chosen_levers,
        chosen_metric,
        _budget(budget),
        home.artifacts,
        dataset=dataset,
        held_out=held_out,
        folds=folds,
        searcher=_component(searcher),
        pruner=None if pruner is None else _component(pruner),
        baseline=dotted(baseline or {}),
        confirm=confirm,
        seed=seed,
    )
    base = checked_name(stage.name if name is None else name)
    if resume:
        chosen = latest_name(home, base, default=base)
        resume = bool(home.store.events(chosen))
    else:
        chosen = base if name is not None else free_name(home, base)
    study = Study(chosen, home, problem, runner_maker(workers))
    with LiveView(study.name, quiet=not progress) as view:
        study.run((view,), resume=resume)
    return study


def _tune_table(
    path: Path,
    target: str | None,
    metric: str | Metric | None,
    budget: str,
    changes: Mapping[str, Any],
    name: str | None,
    store: str | None,
    resume: bool,
    progress: bool,
) -> Study:
    """Write a task file for the table at `path`, and run it; `changes` are keys of the task."""
    from luthier.study.build import study_from_file
    from luthier.study.draft_text import summary_lines
    from luthier.study.first_task import told, write_task

    if not is_table(path):
        raise UsageError(
            f"a text names a table to tune on, such as 'customers.csv'; got '{path}': "
            f"a task file is run by `luthier tune {path}`, and code is passed itself, not by its name"
        )
    chosen = None if metric is None else _metric(metric, with_data=True).name
    written = write_task(path, target=target, metric=chosen, budget=budget)
    if progress:
        print("\n".join(summary_lines(written.draft)), file=sys.stderr)
        print(f"{told(written)}\n", file=sys.stderr)
    nested = {key: f"data.{key}" if key in ("held_out", "folds") else key for key in changes}
    lines = [f"{nested[key]}={json.dumps(value)}" for key, value in changes.items()]
    lines.append(f"budget={json.dumps(budget)}")
    study = study_from_file(written.path, lines, name=name, store=store, resume=resume)
    with LiveView(study.name, quiet=not progress) as view:
        study.run((view,), resume=resume)
    return study


def ask_tell(
    levers: Levers,
    *,
    metric: str | Metric,
    searcher: Component = "model",
    budget: str | Budget | None = None,
    seed: int = 0,
    name: str = "ask and tell",
    store: str | None = None,
    resume: bool = False,
) -> AskTell:
    """A study that you drive: `ask()` for a trial, measure it, `tell(trial, value)`. See `luthier.study.ask_tell`.

    Without `budget` it goes on for as long as you ask. With `resume` a study of this name is taken up again where
    there is one. Raises UsageError for a name that is taken, or for what can't be done as asked.
    """
    home = open_home(store)
    known = metric if isinstance(metric, Metric) else _metric(metric)
    begun = home.store.events(name)[:1] if resume else []
    fidelity = begun[0].fidelity if begun and isinstance(begun[0], StudyCreated) else Fidelity()
    return AskTell(
        checked_name(name),
        home,
        known,
        _levers(levers),
        searcher_maker(_component(searcher), known, fidelity, seed),
        budget=UNBOUNDED if budget is None else _budget(budget),
        seed=seed,
        resume=bool(begun),
    )


def _metric(metric: str | Metric, *, with_data: bool = False) -> Metric:
    if isinstance(metric, Metric):
        return resolve_metric(metric.name, metric.direction, with_data=with_data)
    if not isinstance(metric, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(
            f"a metric is a name such as 'accuracy', or for a value of your own lt.Metric('loss', 'minimize'); "
            f"got {metric!r:.80}"
        )
    return resolve_metric(metric, None, with_data=with_data)


def _budget(budget: str | Budget) -> Budget:
    if isinstance(budget, Budget):
        return budget
    if not isinstance(budget, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"a budget is a text such as '60s', '100 trials' or '2h, $5', or a Budget; got {budget!r:.80}")
    return Budget.parse(budget)


def _levers(levers: Levers) -> tuple[Lever, ...]:
    """Levers of settings; settings alone are those of one lever."""
    if levers and all(isinstance(value, Parameter) for value in levers.values()):
        levers = {DRAWN_LEVER: cast(Mapping[str, Parameter], levers)}
    for lever, settings in levers.items():
        if not isinstance(settings, Mapping):
            raise UsageError(
                f"a lever maps the names of its settings to their ranges, such as {{'C': lt.Float(0.1, 10)}}; "
                f"got {settings!r:.80} as the lever '{lever}'"
            )
        for name, setting in settings.items():
            if not isinstance(setting, Parameter):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise UsageError(
                    f"the setting '{name}' of the lever '{lever}' must be a range such as lt.Float(0.1, 10) or "
                    f"lt.Choice(['a', 'b']); got {setting!r:.80}"
                )
    return tuple(Lever(name, settings) for name, settings in cast(Mapping[str, Any], levers).items())


def _component(component: Component) -> tuple[str, Mapping[str, Any]]:
    """Name and options."""
    if isinstance(component, str):
        return component, {}
    if not isinstance(component, Mapping) or "name" not in component:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"a searcher or pruner is a name, or {{'name': 'asha', 'eta': 4}}; got {component!r:.80}")
    return component["name"], {key: value for key, value in component.items() if key != "name"}
