"""Nested dataclasses that tyro makes a command line of."""

from dataclasses import dataclass, field

import tyro


@dataclass
class OptimizerConfig:
    lr: float = 3e-4
    weight_decay: float = 1e-2


@dataclass
class Config:
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    batch_size: int = 64
    epochs: int = 3
    bf16: bool = False


def main(config: Config) -> None:
    for epoch in range(config.epochs):
        val_loss = config.optimizer.lr / config.batch_size / (epoch + 1)
        print(f"epoch {epoch} val_loss {val_loss:.6f}", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Config))
