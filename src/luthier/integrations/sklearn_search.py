"""How a search spends its budget inside scikit-learn: batches, folds that stay the same, failures, time.

scikit-learn evaluates candidates (dicts of an estimator's parameters) and keeps the record; nothing here fits
anything or knows luthier's searchers.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import ParameterGrid, check_cv

from luthier.core.budget import Budget
from luthier.core.errors import UsageError
from luthier.integrations.sklearn_space import SearchSpace
from luthier.search.finite import all_configs

Params = dict[str, Any]
"""A candidate: parameters of an estimator."""

USUAL_FOLDS = 5  # supposed until the first batch has shown them
MOST_IDLE = 0.2  # of the processes, while a batch is evaluated
MOST_CONFIGS = 10_000  # that are listed without a budget, but of plain grids
RECENT = 5  # batches whose longest is how long the next one may take


def checked_budget(budget: str | Budget | None, n_iter: int | None) -> Budget | None:
    """The ceilings of seconds and trials; raises UsageError for a budget of anything else."""
    ceilings = Budget.parse(budget) if isinstance(budget, str) else budget
    others = [] if ceilings is None else [name for name in ceilings.to_json() if name not in ("seconds", "trials")]
    if others:
        raise UsageError(
            f"a search of scikit-learn's spends trials and time, so its budget must be such as '50 trials', '60s' or "
            f"'50 trials, 60s'; got {ceilings}"
        )
    if n_iter is None:
        return ceilings
    return Budget(seconds=None if ceilings is None else ceilings.seconds, trials=n_iter)


def whole_grid(space: SearchSpace, budget: Budget | None) -> list[Params] | None:
    """Every candidate, in scikit-learn's order, where the budget is one of trials and covers them all; else None.

    Raises UsageError for a space without a budget that has no end, or nearly none.
    """
    if not space.space.parameters:
        return [space.params({})]
    if budget is not None and (budget.seconds is not None or budget.trials is None):
        return None
    most = MOST_CONFIGS if budget is None or budget.trials is None else budget.trials
    if space.is_grid:
        grid = ParameterGrid([dict(part) for part in space.grids])
        return list(grid) if budget is None or len(grid) <= most else None
    configs = all_configs(space.space, most)
    if configs is None and budget is None:
        raise UsageError(
            "a space without a budget is run whole, so it must be made of lists, or have at most "
            f"{MOST_CONFIGS:,} candidates; got a larger or an endless one: state a budget such as '50 trials' or '60s'"
        )
    return None if configs is None else [space.params(config) for config in configs]


def batch_size(jobs: int, folds: int) -> int:
    """The fewest candidates that keep `jobs` processes busy, since a searcher learns between batches.

    jobs  folds   batch
    1     5       1
    4     5       2: 10 fits in 3 rounds
    64    5       11: 55 fits in 1 round
    """
    for candidates in range(1, jobs):
        rounds = math.ceil(candidates * folds / jobs)
        if 1 - candidates * folds / (jobs * rounds) <= MOST_IDLE:
            return candidates
    return max(jobs, 1)


class SameFolds:
    """A splitter that gives the same splits again, so that later batches meet the same folds as the first.

    `cv` is what scikit-learn's searches take: a number of folds, None, or a splitter.
    """

    def __init__(self, cv: Any, classifier: bool) -> None:
        self._cv = cv
        self._classifier = classifier
        self._splits: list[tuple[Any, Any]] | None = None

    def split(self, X: Any, y: Any = None, **params: Any) -> list[tuple[Any, Any]]:
        """(train, test) row positions, a pair a fold."""
        if self._splits is None:
            splitter: Any = check_cv(self._cv, y, classifier=self._classifier)
            self._splits = list(splitter.split(X, y, **params))
        return self._splits


def same_folds(cv: Any, classifier: bool) -> SameFolds | None:
    """What keeps the folds of `cv` the same; None where they are listed splits, of which scikit-learn takes care."""
    listed = cv is not None and not isinstance(cv, Integral) and not hasattr(cv, "split")
    return None if listed else SameFolds(cv, classifier)


@dataclass
class Pace:
    """Whether another batch can end in time. `now` gives seconds from any origin; `seconds` None is no limit."""

    seconds: float | None
    now: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    _batches: list[float] = field(init=False, default_factory=list[float])
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self._last = self.now()

    @property
    def elapsed(self) -> float:
        """Seconds since the search began."""
        return self.now() - self.began

    def lap(self) -> None:
        """Note that a batch has ended."""
        now = self.now()
        self._batches.append(now - self._last)
        self._last = now

    def allows(self, refit_seconds: float) -> bool:
        """Whether a batch and a refit would end in time; the first batch may always run."""
        if self.seconds is None or not self._batches:
            return True
        return self.elapsed + max(self._batches[-RECENT:]) + refit_seconds <= self.seconds


def leading(results: Mapping[str, Any], refit: Any) -> str:
    """The score that a search follows: the one to refit by, otherwise the first."""
    if isinstance(refit, str) and f"mean_test_{refit}" in results:
        return refit
    return next(key for key in results if key.startswith("mean_test_")).removeprefix("mean_test_")


@dataclass(frozen=True)
class _Failed:
    """Candidates of which no fit succeeded, met when scikit-learn had recorded `place` others."""

    place: int
    candidates: list[Params]
    seconds: float
    error: ValueError

    def records(self, example: Mapping[str, Any], folds: int, score: Any) -> list[dict[str, Any]]:
        """What scikit-learn would have recorded of each fit, after the `example` of another."""
        test_scores = example["test_scores"]
        scores = dict.fromkeys(test_scores, score) if isinstance(test_scores, dict) else score
        fits = folds * len(self.candidates)
        record = {**example, "fit_time": self.seconds / fits, "score_time": 0.0, "fit_error": str(self.error)}
        record |= {key: scores for key in ("test_scores", "train_scores") if key in example}
        return [record] * fits


class Evaluation:
    """Evaluates batches through scikit-learn, and goes on where all fits of a batch fail.

    scikit-learn takes a batch without one good fit for the whole search, raises, and doesn't record it. Such a
    batch is kept here and entered into the results where it belongs; only a search without any good fit raises.
    """

    def __init__(self, evaluate: Callable[[list[Params]], Any], refit: Any, error_score: Any) -> None:
        self._evaluate = evaluate
        self._refit = refit
        self._error_score = error_score
        self._failed: list[_Failed] = []
        self._recorded = 0
        self._format: Callable[[], dict[str, Any]] | None = None
        self.folds = USUAL_FOLDS
        self.results: dict[str, Any] = {}

    def scores(self, candidates: list[Params]) -> list[float]:
        """The mean score of each candidate; that of errors, NaN by default, where it failed."""
        began = time.monotonic()
        try:
            self._evaluate(candidates)
        except ValueError as error:
            if not _all_fits_failed(error):
                raise
            self._failed.append(_Failed(self._recorded, candidates, time.monotonic() - began, error))
            return [float(self._error_score)] * len(candidates)
        self._recorded += len(candidates)
        means = self.results[f"mean_test_{self.followed}"]
        return [float(mean) for mean in means[-len(candidates) :]]

    @property
    def followed(self) -> str:
        """The score that the search follows."""
        return leading(self.results, self._refit)

    def format(
        self,
        format_results: Callable[..., dict[str, Any]],
        candidates: Sequence[Params],
        folds: int,
        out: Sequence[Mapping[str, Any]],
        more: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """What scikit-learn makes of its records, and of ours; the warning of missing scores waits for the end."""
        self.folds = folds
        self._format = lambda: format_results(*self._joined(candidates, folds, out), more)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One or more of the", UserWarning)
            self.results = self._format()
        return self.results

    def finish(self) -> None:
        """Bring the results that scikit-learn holds up to date; raises its ValueError where every fit failed."""
        if self._format is None:
            raise self._failed[0].error
        if self._failed:
            count = sum(len(failed.candidates) for failed in self._failed)
            warnings.warn(
                f"{count} candidates failed on all folds; their scores are set to {self._error_score}. If that isn't "
                f"expected, set error_score='raise'. The first of them: {self._failed[0].error}",
                FitFailedWarning,
                stacklevel=2,
            )
        final = self._format()
        self.results.clear()
        self.results.update(final)

    def _joined(
        self, candidates: Sequence[Params], folds: int, out: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Params], int, list[Mapping[str, Any]]]:
        params, records = list(candidates), list(out)
        for failed in reversed(self._failed):  # so that places before it stay as they are
            params[failed.place : failed.place] = failed.candidates
            first = failed.place * folds
            records[first:first] = failed.records(out[0], folds, self._error_score)
        return params, folds, records


def _all_fits_failed(error: ValueError) -> bool:
    """Whether this is what scikit-learn raises for a batch of which no fit succeeded; it has no class of its own."""
    return str(error).strip().startswith("All the ") and "fits failed" in str(error)
