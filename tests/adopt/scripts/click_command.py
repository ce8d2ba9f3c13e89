"""A click command, whose result is echoed once at the end."""

import click
import numpy as np


@click.command()
@click.option("--learning-rate", "-l", default=0.1, show_default=True, help="Step size of SGD.")
@click.option("--batch-size", type=click.IntRange(min=1), default=16)
@click.option("--epochs", type=int, default=5)
@click.option("--l2", type=float, default=1e-4, help="L2 penalty.")
@click.option("--activation", type=click.Choice(["tanh", "relu"]), default="tanh")
@click.option("--augment/--no-augment", default=False)
@click.option("--data-path", type=click.Path(), default="data.csv")
@click.option("--verbose", is_flag=True)
def train(learning_rate, batch_size, epochs, l2, activation, augment, data_path, verbose):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    y = np.sin(x[:, 0]) + 0.1 * rng.normal(size=400)
    w1, w2 = rng.normal(size=(4, 8)), np.zeros(8)
    act = np.tanh if activation == "tanh" else lambda z: np.maximum(z, 0)
    for epoch in range(epochs):
        for start in range(0, 300, batch_size):
            rows = slice(start, min(start + batch_size, 300))
            inputs = x[rows] + 0.05 * rng.normal(size=x[rows].shape) if augment else x[rows]
            hidden = act(inputs @ w1)
            w2 -= learning_rate * (hidden.T @ (hidden @ w2 - y[rows]) / len(hidden) + l2 * w2)
        if verbose:
            click.echo(f"finished epoch {epoch}")
    rmse = np.sqrt(np.mean((act(x[300:] @ w1) @ w2 - y[300:]) ** 2))
    click.echo("Validation RMSE: %.5f" % rmse)


if __name__ == "__main__":
    train()
