"""The Python calls: `lt.tune`, and `lt.ask_tell` for a loop of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luthier.core.budget import Budget
from luthier.core.dataset import Dataset
from luthier.core.lever import Lever
from luthier.core.metric import Metric
from luthier.core.parameter import Parameter
from luthier.core.trial import Fidelity
from luthier.interfaces.live import LiveView
from luthier.study.ask_tell import UNBOUNDED, AskTell
from luthier.study.build import dotted, make_problem, pairs, resolve_metric, runner_maker, searcher_maker, stage_of
from luthier.study.home import checked_name, free_name, latest_name, open_home
from luthier.study.study import Study


def tune(
    what: Any,
    data: Dataset | None = None,
    *,
    metric: str | Metric,
    budget: str | Budget,
    levers: Mapping[str, Mapping[str, Parameter]] | None = None,
    baseline: Mapping[str, Mapping[str, Any]] | None = None,
    searcher: str = "model",
    pruner: str | None = None,
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

    `what` is a stage, a function of its settings (also define-by-run: `f(trial)`), or with `data` a
    scikit-learn estimator, its class, or a function of a settings dict that makes one. `levers` maps each
    lever's name to its settings; a define-by-run function needs none. `metric` is one that luthier knows, or
    `lt.Metric(name, "minimize")`. `data` comes from `lt.read_table(path, target=...)`.

        study = lt.tune(loss, metric=lt.Metric("loss", "minimize"), budget="100 trials",
                        levers={"settings": {"x": lt.Float(-1, 1)}})
        study.best, study.verdict

    Without `name` a new study gets the name of `what` (with a number after it where that is taken). Raises
    UsageError for what can't be done as asked, StageError where the baseline can't be measured.
    """
    home = open_home(store)
    named, direction = (metric.name, metric.direction) if isinstance(metric, Metric) else (metric, None)
    chosen_metric = resolve_metric(named, direction, with_data=data is not None)
    chosen_levers = tuple(Lever(lever, settings) for lever, settings in (levers or {}).items())
    stage = stage_of(what, chosen_levers, chosen_metric, fidelity, pairs(data, folds), with_data=data is not None)
    problem = make_problem(
        stage,
        chosen_levers,
        chosen_metric,
        budget if isinstance(budget, Budget) else Budget.parse(budget),
        home.artifacts,
        dataset=data,
        held_out=held_out,
        folds=folds,
        searcher=(searcher, {}),
        pruner=None if pruner is None else (pruner, {}),
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


def ask_tell(
    levers: Mapping[str, Mapping[str, Parameter]],
    *,
    metric: str | Metric,
    searcher: str = "model",
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
    known = metric if isinstance(metric, Metric) else resolve_metric(metric, None)
    parsed = Budget.parse(budget) if isinstance(budget, str) else budget
    return AskTell(
        checked_name(name),
        home,
        known,
        tuple(Lever(lever, settings) for lever, settings in levers.items()),
        searcher_maker((searcher, {}), known, Fidelity(), seed),
        budget=parsed or UNBOUNDED,
        seed=seed,
        resume=resume and bool(home.store.events(name)),
    )
