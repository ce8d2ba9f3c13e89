"""The stage `estimator`: anything that follows scikit-learn's conventions, XGBoost and LightGBM included."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.core.contracts import Context, Prediction, Settings, View
from luthier.core.dataset import Dataset
from luthier.core.errors import DataError, StageError, UsageError, nearest_first
from luthier.core.lever import Lever
from luthier.core.seeds import derive_seed, fingerprint
from luthier.core.trial import Examples, Fidelity, Measurement
from luthier.data.kinds import parse_kind
from luthier.stages.build import build_version, import_path, make, parameters_of, parts_of, settle, template_of
from luthier.stages.epochs import Epochs
from luthier.stages.fingerprint import code_version
from luthier.stages.inputs import Form, Inputs, unfit
from luthier.stages.model_file import Trust, check_storable, home_of, model_from_bytes, model_to_bytes
from luthier.stages.scoring import RANK_BASED, Labels, Score, Scores, predict_with, score_with
from luthier.stats.metrics import ScoreFunction, get_metric

Clean = Callable[[dict[str, NDArray[Any]], dict[str, Any]], Any]
"""A data lever: (columns of the rows to learn from, settings) to the positions, or a mask, of the rows kept."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EstimatorStage:
    """Fits what `build` makes of the settings to the rows to learn from, and measures `metric` on the others.

    `build` is a function of the settings (a dict) that returns an estimator, or an import path, a class or an
    instance, which the settings are applied to by `set_params` (`step__name` reaches into pipelines). Random
    states that are None are set from the trial's seed, and so are XGBoost's and LightGBM's threads from its limits.
    Warnings are counted, as the metric `warnings`, and not shown.

    The unit of `fidelity` is the fold, one of `context.views` each; the value is the mean so far, over rows
    where the metric is a mean over rows, over folds otherwise. With the unit "epoch" the estimator learns by
    `partial_fit` in mini-batches of `batch_size` rows from the first view, and the value is the epoch's own.

    `inputs` names the columns that go in (default: all without a role): one column of text as a 1-D array of
    objects, numbers as 2-D float64, a mixture as a polars DataFrame, which a ColumnTransformer splits by name. As a
    mapping `inputs` states the kind of each column too (see `luthier.data.kinds`), and a DataFrame of these goes in.
    `clean(columns, settings)` gives the positions or a mask of the rows to learn from that are kept; it never
    sees validation rows. `also` names further metrics to note. `positive` is the class that metrics such as f1
    count; of two classes the last is, unless stated. Models are stored by skops; of what `trusted` and
    `allow_pickle` let in besides, see `luthier.stages.model_file`.
    """

    build: Any
    levers: tuple[Lever, ...] = ()
    metric: str = "accuracy"
    name: str = "estimator"
    clean: Clean | None = None
    inputs: tuple[str, ...] | Mapping[str, str] | None = None
    fidelity: Fidelity = field(default_factory=lambda: Fidelity("fold", 1))
    also: tuple[str, ...] = ()
    positive: Any = None
    batch_size: int = 256
    trusted: tuple[str, ...] = ()
    allow_pickle: bool = False
    version: str = ""

    kind: ClassVar[str] = "estimator"

    def __post_init__(self) -> None:
        for each in ("levers", "also", "trusted"):
            object.__setattr__(self, each, tuple(getattr(self, each)))
        if isinstance(self.inputs, Mapping):
            for kind in self.inputs.values():
                parse_kind(kind)
        elif self.inputs is not None:
            object.__setattr__(self, "inputs", (self.inputs,) if isinstance(self.inputs, str) else tuple(self.inputs))
        if self.batch_size < 1:
            raise UsageError(f"a mini-batch needs at least 1 row; got batch_size={self.batch_size}")
        for metric in (self.metric, *self.also):
            _metric(metric)
        template = template_of(self.build)
        if template is not None:
            self._check_settings(frozenset(parameters_of(template)))
        version = self.version or self._made_version(template)
        object.__setattr__(self, "version", version)
        if self.allow_pickle:
            warnings.warn(
                f"the stage '{self.name}' may store models by pickle, and loading one runs whatever its file says: "
                "load only artifacts that you made yourself",
                stacklevel=3,
            )

    # ------------------------------------------------------------------------------------------ contract

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        """One measurement a fold, or an epoch; raises StageError where rows or settings don't allow it."""
        self._check_data(context)
        if self._by_epochs:
            yield from self._evaluate_epochs(settings, context)
            return
        if len(context.views) < context.until:
            raise UsageError(
                f"the stage '{self.name}' is to measure {context.until} folds, but the data is split into "
                f"{len(context.views)}; let the split have {self.fidelity.maximum} folds"
            )
        yield from self._evaluate_folds(settings, context)

    def finalize(self, settings: Settings, context: Context) -> str:
        """Fit to all development rows (after `clean`), for all epochs where it counts in those; the address."""
        self._check_data(context)
        train = self._cleaned(context.views[0].train, settings)
        with _counted_warnings() as counted:
            if self._by_epochs:
                learner = self._learner(train, settings, context, None)
                for epoch in range(1, self.fidelity.maximum + 1):
                    learner.epochs.run(epoch)
                fitted = learner.fitted
            else:
                fitted = self._fit(train, settings, context, "final")
        if counted:
            first = counted[0].partition("\n")[0]
            _log.warning("fitting the final model gave %d warnings; the first: %s", len(counted), first)
        about = fitted.about | {"metric": self.metric, "settings": _plain(settings), "versions": _versions()}
        return context.artifacts.put(model_to_bytes(fitted.model, about, self._trust))

    def predict(self, artifact: str, inputs: Dataset, context: Context) -> Prediction:
        """Values, and probabilities where the model has them; raises DataError naming a column that is missing."""
        model, about = model_from_bytes(context.artifacts.get(artifact), self._trust)
        fitted = _Fitted.of(model, about)
        with _counted_warnings():
            return fitted.predict(inputs, self._ranks_only, self.name)

    # --------------------------------------------------------------------------------------------- folds

    def _evaluate_folds(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        done = self._saved_scores(context)
        scores = {name: Scores(_metric(name), tuple(done.get(name, ()))) for name in (self.metric, *self.also)}
        context.save_state = lambda: _scores_to_bytes(scores)
        for fold in range(len(scores[self.metric].folds), context.until):
            view = context.views[fold]
            where = f"fold {fold + 1}" if self.fidelity.maximum > 1 else "this split"
            with _counted_warnings() as counted:
                train = self._cleaned(view.train, settings)
                fitted = self._fit(train, settings, context, fold)
                measured = self._scored(fitted, view, where)
            scores = {name: replace(each, folds=(*each.folds, measured[name])) for name, each in scores.items()}
            if fold < len(context.measured):
                continue
            groups = _groups_so_far(context.views[: fold + 1])
            main = scores[self.metric]
            yield Measurement(
                fold + 1,
                main.value,
                main.standard_error(groups),
                _metrics({name: scores[name].value for name in self.also}, len(counted)),
                examples=self._examples(measured[self.metric], view),
            )

    def _saved_scores(self, context: Context) -> Mapping[str, tuple[Score, ...]]:
        """What is known to the study of earlier grants; nothing where no state came along: it is measured again."""
        if context.checkpoint is None:
            return {}
        saved = json.loads(context.checkpoint)
        return {
            name: tuple(
                Score(fold["value"], None if fold["outcomes"] is None else tuple(fold["outcomes"]))
                for fold in folds[: len(context.measured)]
            )
            for name, folds in saved["scores"].items()
        }

    # -------------------------------------------------------------------------------------------- epochs

    def _evaluate_epochs(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        view = context.views[0]
        with _counted_warnings() as counted:
            train = self._cleaned(view.train, settings)
            learner = self._learner(train, settings, context, context.checkpoint)
        context.save_state = lambda: model_to_bytes(learner.epochs.model, {"epoch": learner.epoch}, self._trust)
        while learner.epoch < context.until:
            with _counted_warnings() as more:
                learner.epochs.run(learner.epoch + 1)
                learner.epoch += 1
                if learner.epoch <= len(context.measured):
                    continue
                measured = self._scored(learner.fitted, view, f"epoch {learner.epoch}")
            score = Scores(_metric(self.metric), (measured[self.metric],))
            yield Measurement(
                learner.epoch,
                score.value,
                score.standard_error(_groups_so_far((view,))),
                _metrics({name: measured[name].value for name in self.also}, len(counted) + len(more)),
                examples=self._examples(measured[self.metric], view),
            )
            counted = []

    def _learner(self, train: Dataset, settings: Settings, context: Context, checkpoint: bytes | None) -> _Learner:
        estimator, encoded, target = self._prepared(train, settings, context, "final")
        inputs = Inputs.of(train, self.inputs)
        epochs = Epochs(inputs.take(train), target, context.seed, self.batch_size, self._classifies(estimator))
        if checkpoint is None:
            epochs.begin(estimator)
            return _Learner(epochs, inputs, encoded)
        model, about = model_from_bytes(checkpoint, self._trust)
        if about["epoch"] > len(context.measured):  # the study lost what was measured since: again, from the start
            epochs.begin(estimator)
            return _Learner(epochs, inputs, encoded)
        epochs.go_on(model)
        return _Learner(epochs, inputs, encoded, about["epoch"])

    # -------------------------------------------------------------------------------------------- fitting

    def _fit(self, train: Dataset, settings: Settings, context: Context, purpose: str | int) -> _Fitted:
        estimator, encoded, target = self._prepared(train, settings, context, purpose)
        inputs = Inputs.of(train, self.inputs)
        try:
            estimator.fit(inputs.take(train), target)
        except (ValueError, TypeError) as error:
            reason = unfit(str(error), type(estimator).__name__, inputs, train)
            if reason is None:
                raise
            raise StageError(reason) from error
        return _Fitted(estimator, inputs, encoded)

    def _prepared(
        self, train: Dataset, settings: Settings, context: Context, purpose: str | int
    ) -> tuple[Any, tuple[Any, ...] | None, NDArray[Any]]:
        """The estimator to fit, the classes where it must have them as numbers, and its target."""
        template = template_of(self.build)
        names = frozenset() if template is None else frozenset(parameters_of(template))
        estimator = make(self.build, template, settings, names)
        settle(estimator, derive_seed(context.seed, "fit", purpose), context.limits.threads)
        check_storable(estimator, self._trust)
        labels = _checked_labels(train)
        if not self._classifies(estimator):
            return estimator, None, _as_numbers(labels, train.target)
        classes = np.unique(labels)
        if len(classes) < 2:
            raise StageError(
                f"the {len(train)} rows to learn from hold the one class {classes.tolist()[0]!r} only; "
                "a classifier needs two: use stratified splits, or clean less"
            )
        if not any(type(part).__module__.partition(".")[0] == "xgboost" for part in parts_of(estimator)):
            return estimator, None, labels
        return estimator, tuple(classes.tolist()), np.searchsorted(classes, labels)

    def _classifies(self, estimator: Any) -> bool:
        from sklearn.base import is_classifier, is_regressor

        metric = _metric(self.metric)
        if is_regressor(estimator) and metric.needs != "value":
            raise StageError(
                f"the metric '{self.metric}' is one of classes, but {type(estimator).__name__} predicts numbers; "
                "use a classifier, or a metric such as r2 or mae"
            )
        return is_classifier(estimator) or (metric.needs != "value" and not is_regressor(estimator))

    def _cleaned(self, train: Dataset, settings: Settings) -> Dataset:
        if self.clean is None:
            return train
        columns = {name: column.view() for name, column in train.columns.items()}
        for column in columns.values():
            column.flags.writeable = False
        kept = self.clean(columns, dict(settings))
        rows = _positions(kept, len(train))
        if not len(rows):
            raise StageError(
                f"`clean` of stage '{self.name}' keeps none of the {len(train)} rows to learn from with "
                f"{dict(settings)!r}; let it keep some"
            )
        return train.take(rows)

    # -------------------------------------------------------------------------------------------- scoring

    def _scored(self, fitted: _Fitted, view: View, where: str) -> dict[str, Score]:
        said = fitted.predict(view.validation, self._ranks_only, self.name)
        truth = _checked_labels(view.validation)
        if self._classifies(fitted.model):
            labels = Labels.of([_checked_labels(view.train), truth], self.positive)
        else:
            labels, truth = Labels(), _as_numbers(truth, view.validation.target)
        return {name: score_with(_metric(name), truth, said, labels, where) for name in (self.metric, *self.also)}

    def _examples(self, score: Score, view: View) -> Examples | None:
        if score.outcomes is None:
            return None
        sign = 1.0 if _metric(self.metric).direction == "maximize" else -1.0
        return Examples(
            tuple(map(str, view.validation.ids.tolist())), tuple(sign * outcome for outcome in score.outcomes)
        )

    # -------------------------------------------------------------------------------------------- details

    @property
    def _by_epochs(self) -> bool:
        return self.fidelity.unit.rstrip("s") == "epoch"

    @property
    def _ranks_only(self) -> bool:
        return all(
            metric.name in RANK_BASED or metric.needs != "probability"
            for metric in map(_metric, (self.metric, *self.also))
        ) and any(_metric(name).needs == "probability" for name in (self.metric, *self.also))

    @property
    def _trust(self) -> Trust:
        code = import_path(self.build) if isinstance(self.build, str) else self.build
        return Trust(self.trusted, home_of(code), self.allow_pickle)

    def _check_data(self, context: Context) -> None:
        if not context.views:
            raise UsageError(f"the stage '{self.name}' learns from data, but the study has none; state `data`")

    def _made_version(self, template: Any | None) -> str:
        cleaned = "" if self.clean is None else f"+{code_version(self.clean)}"
        epochs = f"+batch{self.batch_size}" if self._by_epochs else ""
        kinds = f"+{fingerprint('kinds', *sorted(self.inputs.items()))}" if isinstance(self.inputs, Mapping) else ""
        return f"{build_version(self.build, template)}{cleaned}{epochs}{kinds}"

    def _check_settings(self, known: frozenset[str]) -> None:
        """Every setting must be a parameter, but those of a lever that is for `clean` alone."""
        for lever in self.levers:
            unknown = [setting for setting in lever.settings if setting not in known]
            if unknown and (self.clean is None or len(unknown) < len(lever.settings)):
                listed = ", ".join(nearest_first(unknown[0], known)[:8]) or "none"
                raise UsageError(
                    f"the estimator of stage '{self.name}' has no parameter '{unknown[0]}'; nearest are: {listed}"
                )


@dataclass(frozen=True)
class _Fitted:
    """A fitted model with what it needs to be asked: its inputs, and its classes where it knows them as numbers."""

    model: Any
    inputs: Inputs
    encoded: tuple[Any, ...] | None = None

    @property
    def about(self) -> dict[str, Any]:
        """What lies beside the model in an artifact."""
        classes = self.encoded if self.encoded is not None else getattr(self.model, "classes_", None)
        return {
            "columns": list(self.inputs.columns),
            "form": self.inputs.form,
            "texts": list(self.inputs.texts),
            "kinds": list(self.inputs.kinds),
            "encoded": None if self.encoded is None else list(self.encoded),
            "classes": None if classes is None else np.asarray(classes).tolist(),
        }

    @staticmethod
    def of(model: Any, about: Mapping[str, Any]) -> _Fitted:
        """The inverse of `about`."""
        encoded = about["encoded"]
        return _Fitted(
            model,
            Inputs(tuple(about["columns"]), Form(about["form"]), tuple(about["texts"]), tuple(about.get("kinds", ()))),
            None if encoded is None else tuple(encoded),
        )

    def predict(self, dataset: Dataset, rank_only: bool, name: str) -> Prediction:
        said = predict_with(self.model, self.inputs.take(dataset), rank_only, f"the estimator of stage '{name}'")
        if self.encoded is None:
            return said
        return Prediction(np.asarray(self.encoded)[said.values.astype(np.intp)], said.probabilities, self.encoded)


@dataclass
class _Learner:
    """A model in training, and the epochs that it has behind it."""

    epochs: Epochs
    inputs: Inputs
    encoded: tuple[Any, ...] | None
    epoch: int = 0

    @property
    def fitted(self) -> _Fitted:
        return _Fitted(self.epochs.model, self.inputs, self.encoded)


@contextmanager
def _counted_warnings() -> Iterator[list[str]]:
    """Collect warnings instead of showing each: one bad setting may give thousands."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield texts
        finally:
            deprecated = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)  # say nothing of the trial
            texts.extend(str(each.message) for each in caught if not issubclass(each.category, deprecated))


def _metric(name: str) -> ScoreFunction:
    try:
        return get_metric(name)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _metrics(others: Mapping[str, float], warned: int) -> dict[str, float]:
    return {**others, "warnings": float(warned)} if warned else dict(others)


def _checked_labels(dataset: Dataset) -> NDArray[Any]:
    labels = dataset.labels
    missing = sum(label is None or label != label for label in labels.tolist())  # NaN differs from itself
    if missing:
        raise DataError(
            f"{missing} of {len(labels)} rows have no value in the target column '{dataset.target}'; "
            "drop them before the study"
        )
    return labels


def _as_numbers(labels: NDArray[Any], target: str | None) -> NDArray[Any]:
    try:
        return labels.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"the target column '{target}' must hold numbers for a regressor: {error}") from None


def _positions(kept: Any, rows: int) -> NDArray[np.intp]:
    """Row positions from positions or a mask; raises StageError saying what came instead."""
    given = np.asarray(kept)
    if given.dtype == bool and given.shape == (rows,):
        return np.flatnonzero(given)
    if given.ndim == 1 and (given.dtype.kind in "iu" or not given.size):
        positions = given.astype(np.intp)
        if not positions.size or (positions.min() >= 0 and positions.max() < rows):
            return positions
    raise StageError(
        f"`clean` must return a mask of {rows} booleans, or row positions from 0 to {rows - 1}; "
        f"got {type(kept).__name__} with dtype {given.dtype} and shape {given.shape}"
    )


def _groups_so_far(views: tuple[View, ...]) -> NDArray[Any] | None:
    """What the validation rows so far are grouped by; a row that is measured twice is one group."""
    groups = [view.validation.groups for view in views]
    if all(each is not None for each in groups):
        return np.concatenate([each for each in groups if each is not None])
    ids = np.concatenate([view.validation.ids for view in views])
    return None if len(set(ids.tolist())) == len(ids) else ids


def _scores_to_bytes(scores: Mapping[str, Scores]) -> bytes:
    plain = {
        name: [{"value": fold.value, "outcomes": fold.outcomes} for fold in each.folds] for name, each in scores.items()
    }
    return json.dumps({"scores": plain}).encode()


def _plain(settings: Settings) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {package: version(package) for package in ("scikit-learn", "numpy", "skops")}
