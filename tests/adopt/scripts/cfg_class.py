"""A class of settings, a logger that writes to standard output, early stopping."""

import logging
import sys

import numpy as np

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
logger = logging.getLogger("train")


class CFG:
    lr = 0.3
    batch_size = 30
    epochs = 12
    weight_decay = 1e-3
    patience = 3
    seed = 7
    debug = False


def train_one_epoch(w, x, y, rng):
    for rows in np.array_split(rng.permutation(len(x)), max(1, len(x) // CFG.batch_size)):
        p = 1 / (1 + np.exp(-x[rows] @ w))
        w = w - CFG.lr * (x[rows].T @ (p - y[rows]) / len(rows) + CFG.weight_decay * w)
    return w


def main():
    rng = np.random.default_rng(CFG.seed)
    x = rng.normal(size=(300, 5))
    y = (x[:, 0] + rng.normal(size=300) > 0).astype(float)
    w, best, waited = np.zeros(5), np.inf, 0
    for epoch in range(CFG.epochs):
        w = train_one_epoch(w, x[:200], y[:200], rng)
        p = 1 / (1 + np.exp(-x[200:] @ w))
        valid_loss = -np.mean(np.where(y[200:] > 0, np.log(p + 1e-9), np.log(1 - p + 1e-9)))
        logger.info(f"Epoch {epoch + 1} | valid loss: {valid_loss:.4f}")
        waited = 0 if valid_loss < best - 1e-5 else waited + 1
        best = min(best, valid_loss)
        if waited >= CFG.patience:
            break


if __name__ == "__main__":
    main()
