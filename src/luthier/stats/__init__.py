"""Intervals, paired and sequential tests, power, shrinkage and metrics: pure functions over arrays.

Knows no study, trial or model. Imports numpy only; scipy and scikit-learn come in on use.
"""

from luthier.stats.bootstrap import bootstrap
from luthier.stats.clustered import ClusteredMean, clustered_mean
from luthier.stats.holm import holm, simultaneous_level
from luthier.stats.interval import Interval, mean_t, wilson
from luthier.stats.mcnemar import discordant, mcnemar_exact, mcnemar_mid_p
from luthier.stats.metrics import ScoreFunction, get_metric
from luthier.stats.paired import paired_interval, paired_test
from luthier.stats.paired_metric import paired_metric_interval
from luthier.stats.permutation import sign_flip_test
from luthier.stats.posterior import shrink
from luthier.stats.power import PairedDesign, design_effect
from luthier.stats.sequential import SequentialPairedTest, SequentialPlan, Verdict
from luthier.stats.spending import Spending, boundaries

__all__ = [
    "Interval",
    "wilson",
    "mean_t",
    "bootstrap",
    "ClusteredMean",
    "clustered_mean",
    "paired_interval",
    "paired_test",
    "paired_metric_interval",
    "discordant",
    "mcnemar_exact",
    "mcnemar_mid_p",
    "sign_flip_test",
    "holm",
    "simultaneous_level",
    "SequentialPlan",
    "SequentialPairedTest",
    "Verdict",
    "Spending",
    "boundaries",
    "PairedDesign",
    "design_effect",
    "shrink",
    "ScoreFunction",
    "get_metric",
]
