"""What well-known settings mean: their usual range, scale and prior.

A task file may write `learning_rate: auto`. Ranges are the customary ones of the libraries that use the
names (scikit-learn, XGBoost, LightGBM, torch); they are starting points, not truths.
"""

from __future__ import annotations

from luthier.core.errors import UnknownName
from luthier.core.parameter import Choice, Float, Int, Parameter, Prior

_KNOWN: dict[str, Parameter] = {
    "learning_rate": Float(1e-5, 1e-1, log=True, default=1e-3, prior=Prior(1e-3, 0.25)),
    "weight_decay": Float(1e-6, 1.0, log=True, default=1e-2, prior=Prior(1e-2, 0.3)),
    "momentum": Float(0.0, 0.99, default=0.9, prior=Prior(0.9, 0.25)),
    "dropout": Float(0.0, 0.6, default=0.1, prior=Prior(0.1, 0.3)),
    "label_smoothing": Float(0.0, 0.3, default=0.0),
    "warmup_fraction": Float(0.0, 0.3, default=0.05, prior=Prior(0.05, 0.3)),
    "batch_size": Int(8, 512, log=True, default=32, prior=Prior(32, 0.25)),
    "epochs": Int(1, 50, log=True, default=10),
    "C": Float(1e-3, 1e3, log=True, default=1.0, prior=Prior(1.0, 0.3)),
    "alpha": Float(1e-4, 1e2, log=True, default=1.0, prior=Prior(0.1, 0.35)),
    "gamma": Float(1e-4, 1e1, log=True, default=0.1, prior=Prior(0.1, 0.3)),
    "l1_ratio": Float(0.0, 1.0, default=0.5),
    "n_estimators": Int(20, 1000, log=True, default=100, prior=Prior(200, 0.3)),
    "max_depth": Int(2, 16, default=6, prior=Prior(6, 0.25)),
    "min_samples_leaf": Int(1, 64, log=True, default=1),
    "max_features": Float(0.1, 1.0, default=0.5),
    "max_leaf_nodes": Int(4, 256, log=True, default=31, prior=Prior(31, 0.25)),
    "subsample": Float(0.4, 1.0, default=1.0, prior=Prior(0.9, 0.3)),
    "colsample_bytree": Float(0.3, 1.0, default=1.0, prior=Prior(0.9, 0.35)),
    "l2_regularization": Float(1e-6, 1e2, log=True, default=1e-3),
    "n_neighbors": Int(1, 64, log=True, default=5),
    "class_weight": Choice((None, "balanced"), default=None),
}


def by_meaning(name: str) -> Parameter:
    """The usual range, scale and prior of the well-known setting `name`; raises UnknownName with the known ones."""
    if name not in _KNOWN:
        raise UnknownName("setting for 'auto'", name, _KNOWN)
    return _KNOWN[name]


def known_meanings() -> tuple[str, ...]:
    """The names that `by_meaning` knows."""
    return tuple(_KNOWN)
