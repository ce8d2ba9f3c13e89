"""A function that python-fire makes a command line of."""

import fire
import numpy as np


def train(lr=0.02, batch_size=10, n_epochs=4, momentum=0.5, shuffle=True, checkpoint_dir="ckpt"):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    y = x @ np.arange(5) + rng.normal(size=300)
    w, speed = np.zeros(5), np.zeros(5)
    for epoch in range(1, n_epochs + 1):
        order = rng.permutation(200) if shuffle else np.arange(200)
        for start in range(0, 200, batch_size):
            rows = order[start : start + batch_size]
            speed = momentum * speed - lr * x[rows].T @ (x[rows] @ w - y[rows]) / len(rows)
            w = w + speed
        residual = x[200:] @ w - y[200:]
        r2 = 1 - np.sum(residual**2) / np.sum((y[200:] - y[200:].mean()) ** 2)
        print(f"epoch={epoch} valid_r2={r2:.4f}")


if __name__ == "__main__":
    fire.Fire(train)
