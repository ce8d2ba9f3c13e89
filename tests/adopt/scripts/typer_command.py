"""A typer command with annotated options and an enum."""

from enum import Enum
from typing import Annotated

import numpy as np
import typer

app = typer.Typer()


class Solver(str, Enum):
    sgd = "sgd"
    sign = "sign"


@app.command()
def main(
    lr: Annotated[float, typer.Option(help="Learning rate")] = 0.05,
    batch_size: int = typer.Option(32, "--batch-size", "-b"),
    num_epochs: int = 4,
    optimizer: Solver = Solver.sgd,
    momentum: float = 0.9,
    bias: bool = True,
    run_name: str = "baseline",
    seed: int = 42,
):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6))
    x[:, 5] = 1 if bias else 0
    y = x @ np.array([1, -2, 0.5, 0, 3, 1]) + rng.normal(size=400)
    w, speed = np.zeros(6), np.zeros(6)
    shuffled = np.random.default_rng(seed)
    for epoch in range(num_epochs):
        for rows in np.array_split(shuffled.permutation(300), max(1, 300 // batch_size)):
            gradient = x[rows].T @ (x[rows] @ w - y[rows]) / len(rows)
            speed = momentum * speed + (np.sign(gradient) if optimizer is Solver.sign else gradient)
            w -= lr * speed
        train_loss = np.mean((x[:300] @ w - y[:300]) ** 2)
        val_loss = np.mean((x[300:] @ w - y[300:]) ** 2)
        typer.echo(f"[{run_name}] epoch {epoch + 1}/{num_epochs} - loss: {train_loss:.4f} - val_loss: {val_loss:.4f}")


if __name__ == "__main__":
    app()
