import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as sk

from luthier.stats import get_metric
from luthier.stats.metrics import ALIASES, METRICS

RNG = np.random.default_rng(0)
TRUE3 = np.array(["ant", "bee", "cat"])[RNG.integers(3, size=200)]
SAID3 = np.where(RNG.random(200) < 0.6, TRUE3, "bee")
CHANCES3 = RNG.dirichlet([1, 1, 1], size=200)
TRUE2 = RNG.integers(2, size=200)
SAID2 = np.where(RNG.random(200) < 0.7, TRUE2, 1 - TRUE2)
CHANCE2 = RNG.random(200)
TRUE = RNG.normal(2, 1, size=200)
SAID = TRUE + RNG.normal(size=200)
HOT3 = TRUE3[:, None] == np.array(["ant", "bee", "cat"])

AGAINST_SKLEARN = [
    ("accuracy", TRUE3, SAID3, sk.accuracy_score(TRUE3, SAID3)),
    ("balanced_accuracy", TRUE3, SAID3, sk.balanced_accuracy_score(TRUE3, SAID3)),
    ("f1", TRUE2, SAID2, sk.f1_score(TRUE2, SAID2)),
    ("f1_macro", TRUE3, SAID3, sk.f1_score(TRUE3, SAID3, average="macro")),
    ("precision", TRUE2, SAID2, sk.precision_score(TRUE2, SAID2)),
    ("recall", TRUE2, SAID2, sk.recall_score(TRUE2, SAID2)),
    ("matthews_corrcoef", TRUE3, SAID3, sk.matthews_corrcoef(TRUE3, SAID3)),
    ("roc_auc", TRUE2, CHANCE2, sk.roc_auc_score(TRUE2, CHANCE2)),
    ("roc_auc", TRUE3, CHANCES3, sk.roc_auc_score(TRUE3, CHANCES3, multi_class="ovr")),
    ("average_precision", TRUE2, CHANCE2, sk.average_precision_score(TRUE2, CHANCE2)),
    ("average_precision", TRUE3, CHANCES3, sk.average_precision_score(HOT3, CHANCES3)),
    ("log_loss", TRUE2, CHANCE2, sk.log_loss(TRUE2, CHANCE2)),
    ("log_loss", TRUE3, CHANCES3, sk.log_loss(TRUE3, CHANCES3)),
    ("brier", TRUE2, CHANCE2, sk.brier_score_loss(TRUE2, CHANCE2)),
    ("brier", TRUE3, CHANCES3, np.mean(np.sum((CHANCES3 - HOT3) ** 2, axis=1))),
    ("r2", TRUE, SAID, sk.r2_score(TRUE, SAID)),
    ("mae", TRUE, SAID, sk.mean_absolute_error(TRUE, SAID)),
    ("mse", TRUE, SAID, sk.mean_squared_error(TRUE, SAID)),
    ("rmse", TRUE, SAID, sk.root_mean_squared_error(TRUE, SAID)),
    ("median_absolute_error", TRUE, SAID, sk.median_absolute_error(TRUE, SAID)),
    ("mape", TRUE, SAID, sk.mean_absolute_percentage_error(TRUE, SAID)),
    ("spearman", TRUE, SAID, np.corrcoef(TRUE.argsort().argsort(), SAID.argsort().argsort())[0, 1]),
    ("exact_match", np.array([" a", "b", "c"]), np.array(["a ", "B", "c"]), 2 / 3),
]


@pytest.mark.parametrize(("name", "y_true", "prediction", "expected"), AGAINST_SKLEARN)
def test_score_is_scikit_learns(name, y_true, prediction, expected):
    metric = get_metric(name)
    assert metric(y_true, prediction) == pytest.approx(expected)
    if metric.per_row:
        assert metric.outcomes(y_true, prediction).mean() == pytest.approx(expected)
        assert metric.outcomes(y_true, prediction).shape == y_true.shape


def test_every_metric_is_checked_here():
    assert {case[0] for case in AGAINST_SKLEARN} == set(METRICS)


def test_better_predictions_score_better():
    perfect = {"label": TRUE2, "probability": TRUE2.astype(float), "value": TRUE}
    poor = {"label": SAID2, "probability": CHANCE2, "value": SAID}
    for metric in METRICS.values():
        truth = TRUE if metric.needs == "value" else TRUE2
        gain = metric(truth, perfect[metric.needs]) - metric(truth, poor[metric.needs])
        assert gain > 0 if metric.direction == "maximize" else gain < 0, metric.name


def test_positive_class_may_be_stated():
    assert get_metric("f1")(TRUE2, SAID2, positive=0) == pytest.approx(sk.f1_score(TRUE2, SAID2, pos_label=0))
    assert get_metric("recall")(TRUE3, SAID3, positive="cat") == pytest.approx(
        sk.recall_score(TRUE3 == "cat", SAID3 == "cat")
    )
    assert get_metric("log_loss")(TRUE2, 1 - CHANCE2, positive=0) == pytest.approx(sk.log_loss(TRUE2, CHANCE2))


def test_columns_follow_the_stated_classes():
    shuffled = CHANCES3[:, [2, 0, 1]]
    for name in ("log_loss", "brier", "roc_auc"):
        metric = get_metric(name)
        assert metric(TRUE3, shuffled, classes=["cat", "ant", "bee"]) == pytest.approx(metric(TRUE3, CHANCES3))


def test_certain_and_wrong_is_finite():
    assert get_metric("log_loss")([0, 1], np.array([1.0, 1.0])) == pytest.approx(-np.log(np.finfo(float).eps) / 2)


def test_nothing_found_scores_zero():
    assert get_metric("f1")([0, 1, 1], [0, 0, 0]) == 0
    assert get_metric("precision")([0, 1, 1], [0, 0, 0]) == 0
    assert get_metric("matthews_corrcoef")([0, 1, 1], [0, 0, 0]) == 0


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("acc", "accuracy"),
        ("auc", "roc_auc"),
        ("mean_absolute_error", "mae"),
        ("neg_brier_score", "brier"),
        ("neg_log_loss", "log_loss"),
        ("neg_root_mean_squared_error", "rmse"),
    ],
)
def test_aliases(alias, name):
    assert get_metric(alias).name == name


def test_every_alias_leads_somewhere():
    assert set(ALIASES.values()) <= set(METRICS)


def test_unknown_name_lists_the_known_nearest_first():
    with pytest.raises(ValueError, match=r"no metric is called 'acuracy'; known are accuracy, .*spearman"):
        get_metric("acuracy")
    with pytest.raises(ValueError, match="no metric is called 'neg_accuracy'"):
        get_metric("neg_accuracy")


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"their shapes are \(2,\) and \(3,\)"):
        get_metric("accuracy")([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="this metric needs a positive class, and the classes are"):
        get_metric("f1")(TRUE3, SAID3)
    with pytest.raises(ValueError, match="positive must be one of the classes"):
        get_metric("f1")(TRUE2, SAID2, positive="yes")
    with pytest.raises(ValueError, match="probabilities must have one column for each of the 3 classes"):
        get_metric("log_loss")(TRUE3, CHANCES3[:, :2])
    with pytest.raises(ValueError, match="add up to 1 in each row; pass no logits"):
        get_metric("log_loss")(TRUE3, 3 * CHANCES3)
    with pytest.raises(ValueError, match=r"y_true must hold only the classes \['ant', 'bee'\], not \['cat'\]"):
        get_metric("log_loss")(TRUE3, CHANCES3[:, :2] * 0 + 0.5, classes=["ant", "bee"])
    with pytest.raises(ValueError, match="f1 is no mean over rows; compare it with paired_metric_interval"):
        get_metric("f1").outcomes(TRUE2, SAID2)


def test_importing_stats_imports_neither_scipy_nor_scikit_learn():
    code = "import sys, luthier.stats; sys.exit(any(m.split('.')[0] in {'scipy', 'sklearn'} for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
