"""scikit-learn's searches driven by luthier's searchers: `SearchCV` in the place of GridSearchCV or RandomizedSearchCV.

    from luthier.integrations.sklearn import SearchCV

    search = SearchCV(SVC(), {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-4, 1)}, budget="40 trials")
    search.fit(X, y).best_params_

Cross-validation, scoring, refitting and routing of metadata are scikit-learn's own, by its base class of searches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import is_classifier
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if

from luthier.core.budget import Budget
from luthier.core.errors import UsageError
from luthier.core.metric import Metric
from luthier.core.trial import Failure, Fidelity, Measurement, Start, Status, Trial
from luthier.integrations.sklearn_search import (
    Evaluation,
    Pace,
    Params,
    SameFolds,
    batch_size,
    checked_budget,
    same_folds,
    whole_grid,
)
from luthier.integrations.sklearn_space import SearchSpace, read_space
from luthier.search.registry import get_searcher

__all__ = ["SearchCV"]

METRIC = Metric("score")  # scikit-learn's scores are the better the greater


def _estimator_has_set_output(search: Any) -> bool:
    return hasattr(search.estimator, "set_output")


class SearchCV(BaseSearchCV):
    """Cross-validated search over an estimator's parameters, in the place of GridSearchCV and RandomizedSearchCV.

    space         what to search, by the name of the parameter: a list of values of any kind, a distribution of
                  scipy.stats, a setting of luthier's such as lt.Float(1e-3, 1e3, log=True), or "auto" for the usual
                  range of a well-known name. A list of such dicts is searched as branches
    budget        '50 trials', '60s', or both, '50 trials, 60s'; a trial is a candidate on all folds. None runs the
                  whole of a finite space, however large
    searcher      the name of one that luthier knows
    random_state  what the search follows from, as everywhere in scikit-learn. Equal ones give equal searches with an
                  equal `n_jobs`, without a limit of time
    n_jobs        processes; the more, the more candidates are proposed at once, before their scores are known
    refit         as in GridSearchCV; of several metrics the search follows the one that it names, otherwise the first
    param_grid, param_distributions
                  other names of `space`, as GridSearchCV and RandomizedSearchCV have them
    n_iter        a budget in trials, as RandomizedSearchCV has it; it takes the place of the trials in `budget`

    `estimator`, `scoring`, `cv`, `verbose`, `pre_dispatch`, `error_score` and `return_train_score` mean what they mean
    in GridSearchCV, and so do the methods and attributes of a fitted search, `cv_results_` included.

    A finite space that a budget in trials covers is run whole, in the order of GridSearchCV and with its results. That
    holds for the default budget as well: a grid of up to 50 candidates is run whole, of a larger one the searcher
    chooses 50. With `verbose` the search says which it does, and how far it is.

    A budget in time covers the search and the refit. No batch of candidates begins that would end too late, if it took
    as long as the longest of the five before it; a fit that has begun is never cut short.

    All candidates meet the same folds, also those of a splitter that shuffles. A candidate that fails has the score
    `error_score`, and is avoided if that is NaN; where all fail, the first failure is raised as a ValueError.

    Raises SpaceError for a space and UsageError for a budget that can't be, UnknownName for an unknown searcher, all
    of them in `fit`, before anything is fitted.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        **BaseSearchCV._parameter_constraints,
        "space": "no_validation",  # `read_space` says more
        "budget": [str, Budget, None],
        "searcher": [str],
        "random_state": ["random_state"],
        "param_grid": "no_validation",
        "param_distributions": "no_validation",
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator: Any,
        space: Any = None,
        *,
        budget: str | Budget | None = "50 trials",
        searcher: str = "model",
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[[dict[str, Any]], int] = True,
        cv: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        param_grid: Any = None,
        param_distributions: Any = None,
        n_iter: int | None = None,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,  # pyright: ignore[reportArgumentType] - its type is guessed from its default
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,  # pyright: ignore[reportArgumentType] - likewise
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.budget = budget
        self.searcher = searcher
        self.random_state = random_state
        self.param_grid = param_grid
        self.param_distributions = param_distributions
        self.n_iter = n_iter

    @available_if(_estimator_has_set_output)
    def set_output(self, *, transform: str | None = None) -> SearchCV:
        """What `transform` of the estimator gives: "default", "pandas" or "polars"; None leaves it as it is."""
        for estimator in (self.estimator, getattr(self, "best_estimator_", None)):
            if estimator is not None:
                estimator.set_output(transform=transform)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Without the search that is under way: fits in other processes get a copy of what called them."""
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_evaluation"}

    # ------------------------------------------------------------------- what scikit-learn's `fit` calls

    def _run_search(self, evaluate_candidates: Callable[..., Any], *, callback_ctx: Any = None) -> None:
        """Evaluate candidates until the budget is spent or there are no others. `callback_ctx` is for callbacks."""
        space = read_space(self._given_space())
        budget = checked_budget(self.budget, self.n_iter)
        make = get_searcher(self.searcher)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        watched = _Watched(self, evaluate_candidates, callback_ctx)
        candidates = whole_grid(space, budget)
        if candidates is not None:
            within = "" if budget is None else f", which the budget ({budget}) covers"
            self._say(f"the whole space, {_counted(len(candidates), 'candidate')}{within}")
            watched.evaluate(candidates, None)
        elif budget is not None:
            searcher = make(space.space, METRIC, Fidelity(), seed)
            folds = same_folds(self.cv, is_classifier(self.estimator))
            self._evaluation = Evaluation(lambda batch: watched.evaluate(batch, folds), self.refit, self.error_score)
            try:
                self._search(space, searcher, self._evaluation, budget)
                self._evaluation.finish()
            finally:
                del self._evaluation
        watched.end()

    def _format_results(
        self, candidate_params: Any, n_splits: int, out: Any, more_results: Any = None
    ) -> dict[str, Any]:
        """The columns of `cv_results_`, candidates included that scikit-learn doesn't record."""
        evaluation: Evaluation | None = getattr(self, "_evaluation", None)
        if evaluation is None:
            return super()._format_results(candidate_params, n_splits, out, more_results)
        return evaluation.format(super()._format_results, candidate_params, n_splits, out, more_results)

    # ----------------------------------------------------------------------------------------- the search

    def _search(self, space: SearchSpace, searcher: Any, evaluation: Evaluation, budget: Budget) -> None:
        pace = Pace(budget.seconds)
        jobs: Any = self.n_jobs
        most = math.inf if budget.trials is None else budget.trials
        told = 0
        while told < most:
            if not pace.allows(self._refit_seconds(evaluation)):
                self._say("stopped, since another batch and the refit may not end in time")
                break
            size = min(batch_size(effective_n_jobs(jobs), evaluation.folds), most - told)
            asked = searcher.ask(int(size), space.space)
            starts = [grant for grant in asked if isinstance(grant, Start)]
            if not starts:
                self._say("stopped, since every candidate of the space has been tried")
                break
            scores = evaluation.scores([space.params(start.config) for start in starts])
            for number, (start, score) in enumerate(zip(starts, scores, strict=True), start=told):
                searcher.tell(_trial(number, start, score))
            told += len(starts)
            pace.lap()
            self._say(f"{_counted(told, 'trial')} in {pace.elapsed:.1f} s (budget: {budget}){_best(evaluation)}")

    def _refit_seconds(self, evaluation: Evaluation) -> float:
        """What the refit will take, if a fit takes time in proportion to its rows."""
        if self.refit is False or not evaluation.results:
            return 0.0
        best = int(np.argmin(evaluation.results[f"rank_test_{evaluation.followed}"]))
        share = (evaluation.folds - 1) / evaluation.folds if evaluation.folds > 1 else 1.0
        return float(evaluation.results["mean_fit_time"][best]) / share

    def _given_space(self) -> Any:
        names = {"space": self.space, "param_grid": self.param_grid, "param_distributions": self.param_distributions}
        given = {name: content for name, content in names.items() if content is not None}
        if len(given) > 1:
            raise UsageError(
                f"a search takes one space, but {' and '.join(given)} were given; keep one of them (they mean the same)"
            )
        return next(iter(given.values()), None)

    def _say(self, text: str) -> None:
        if self.verbose > 0:
            print(f"[SearchCV] {text}")  # noqa: T201 - where scikit-learn's own words go


class _Watched:
    """Evaluates candidates under scikit-learn's callbacks, which came with scikit-learn 1.9."""

    def __init__(self, search: SearchCV, evaluate_candidates: Callable[..., Any], callback_ctx: Any) -> None:
        self._search = search
        self._evaluate = evaluate_candidates
        self._context: Any = None
        if callback_ctx is not None:
            self._context = callback_ctx.subcontext(task_name="search", max_subtasks=None)
            self._context.call_on_fit_task_begin(estimator=search)

    def evaluate(self, candidates: list[Params], folds: SameFolds | None) -> None:
        """One batch, on `folds` or on those of the search."""
        if self._context is None:
            self._evaluate(candidates, cv=folds)
            return
        fits = len(candidates) * self._search.n_splits_
        batch = self._context.subcontext(task_name="batch", max_subtasks=fits, sequential_subtasks=False)
        batch.call_on_fit_task_begin(estimator=self._search)
        self._evaluate(candidates, cv=folds, callback_ctx=batch)
        batch.call_on_fit_task_end(estimator=self._search)

    def end(self) -> None:
        """Say that there are no more batches."""
        if self._context is not None:
            self._context.call_on_fit_task_end(estimator=self._search)


def _trial(number: int, start: Start, score: float) -> Trial:
    """What the searcher is told of a candidate; one without a finite score has failed."""
    if not math.isfinite(score):
        failure = Failure("no score", "the estimator could not be fitted or scored on every fold")
        return Trial(number, start.config, Status.FAILED, failure=failure)
    return Trial(number, start.config, Status.COMPLETED, measurements=(Measurement(1, score),))


def _best(evaluation: Evaluation) -> str:
    """The best score so far, in words; nothing while there is none."""
    if not evaluation.results:
        return ""
    means = evaluation.results[f"mean_test_{evaluation.followed}"]
    return f", best {evaluation.followed} {np.nanmax(means):.6g}" if np.isfinite(means).any() else ""


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
