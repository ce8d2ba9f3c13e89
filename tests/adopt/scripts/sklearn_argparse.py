"""An estimator behind a command line; one score at the end."""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

parser = argparse.ArgumentParser()
parser.add_argument("--C", type=float, default=1.0, help="inverse of the penalty")
parser.add_argument("--penalty", choices=("l1", "l2"), default="l2")
parser.add_argument("--max-iter", type=int, default=200)
parser.add_argument("--cv", type=int, default=3)
parser.add_argument("--n-jobs", type=int, default=1)
parser.add_argument("--random-state", type=int, default=0)


def main():
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 10))
    y = (x[:, 0] - x[:, 1] + rng.normal(size=200) > 0).astype(int)
    model = LogisticRegression(
        C=args.C, l1_ratio=float(args.penalty == "l1"), solver="saga", max_iter=args.max_iter, tol=0.01,
        random_state=args.random_state,
    )  # fmt: skip
    scores = cross_val_score(model, x, y, cv=args.cv, n_jobs=args.n_jobs, scoring="f1")
    print("cross-validated F1: %0.3f (+/- %0.3f)" % (scores.mean(), scores.std()))


main()
