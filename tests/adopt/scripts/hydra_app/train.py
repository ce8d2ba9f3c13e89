"""A Hydra application: settings in conf/, told as key=value."""

import hydra
import numpy as np
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    rng = np.random.default_rng(cfg.seed)
    x = rng.normal(size=(400, 4))
    y = (np.sin(2 * x[:, 0]) + x[:, 1] > 0).astype(float)
    w1, w2 = rng.normal(size=(4, cfg.model.hidden_dim)), np.zeros(cfg.model.hidden_dim)
    for epoch in range(cfg.trainer.max_epochs):
        for rows in np.array_split(rng.permutation(300), max(1, 300 // cfg.data.batch_size)):
            hidden = np.tanh(x[rows] @ w1) * (rng.random(cfg.model.hidden_dim) >= cfg.model.dropout)
            w2 -= cfg.optimizer.lr * hidden.T @ (1 / (1 + np.exp(-hidden @ w2)) - y[rows]) / len(rows)
        accuracy = np.mean((np.tanh(x[300:] @ w1) @ w2 > 0) == y[300:])
        print("epoch", epoch, "valid/accuracy", accuracy)


if __name__ == "__main__":
    main()
