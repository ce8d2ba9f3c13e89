"""Boosting with a dict of parameters and a log of evaluations."""

import lightgbm as lgb
import numpy as np
from sklearn.metrics import roc_auc_score

params = {
    "objective": "binary",
    "metric": "auc",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "feature_fraction": 0.9,
    "lambda_l2": 0.0,
    "num_threads": 1,
    "verbosity": -1,
}
NUM_BOOST_ROUND = 20

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 8))
y = (X[:, 0] * X[:, 1] + 0.5 * rng.normal(size=600) > 0).astype(int)
train_set = lgb.Dataset(X[:400], y[:400])
booster = lgb.train(params, train_set, num_boost_round=NUM_BOOST_ROUND)
auc = roc_auc_score(y[400:], booster.predict(X[400:]))
print(f"valid AUC = {auc:.5f}")
