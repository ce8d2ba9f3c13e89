"""A training script that knows nothing of luthier: settings come as arguments, one line of JSON goes out an epoch.

It fits a small network to a noisy curve by stochastic gradient descent with momentum.
"""

import argparse
import json

import numpy as np


def data(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, 1) and the values (count, 1) of the curve there, with noise."""
    x = rng.uniform(-1, 1, (count, 1))
    return x, np.sin(4 * x) + rng.normal(0, 0.1, (count, 1))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--hidden", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    x, y = data(np.random.default_rng(1), 400)
    x_validation, y_validation = data(np.random.default_rng(2), 400)
    rng = np.random.default_rng(options.seed)
    weights = [rng.normal(0, 2, (1, options.hidden)), rng.normal(0, 1, (1, options.hidden))]
    weights.append(rng.normal(0, options.hidden**-0.5, (options.hidden, 1)))
    velocity = [np.zeros_like(weight) for weight in weights]

    for epoch in range(1, options.epochs + 1):
        for batch in np.array_split(rng.permutation(len(x)), 50):
            inner = np.tanh(x[batch] @ weights[0] + weights[1])
            error = inner @ weights[2] - y[batch]
            back = error @ weights[2].T * (1 - inner**2)
            gradients = [x[batch].T @ back, back.sum(0, keepdims=True), inner.T @ error]
            for weight, speed, gradient in zip(weights, velocity, gradients, strict=True):
                speed *= options.momentum
                speed -= options.learning_rate * gradient
                weight += speed
        said = np.tanh(x_validation @ weights[0] + weights[1]) @ weights[2]
        loss = float(np.mean((said - y_validation) ** 2))
        print(json.dumps({"epoch": epoch, "loss": loss}), flush=True)
        if not np.isfinite(loss):
            raise SystemExit("diverged")


if __name__ == "__main__":
    main()
