"""Dataclasses that HfArgumentParser makes a command line of; the metric is logged to standard error."""

import logging
from dataclasses import dataclass, field

import numpy as np
from transformers import HfArgumentParser

logger = logging.getLogger(__name__)


@dataclass
class ModelArguments:
    hidden_size: int = field(default=8, metadata={"help": "Width of the hidden layer"})
    dropout: float = field(default=0.0, metadata={"help": "Dropout"})


@dataclass
class TrainArguments:
    learning_rate: float = field(default=5e-3, metadata={"help": "The initial learning rate"})
    per_device_train_batch_size: int = field(default=8)
    num_train_epochs: int = field(default=3)
    weight_decay: float = 0.0
    output_dir: str = field(default="out")


def main():
    model_args, args = HfArgumentParser((ModelArguments, TrainArguments)).parse_args_into_dataclasses()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s - %(levelname)s - %(message)s")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    y = np.tanh(x[:, 0] * x[:, 1])
    w1, w2 = rng.normal(size=(4, model_args.hidden_size)), np.zeros(model_args.hidden_size)
    for epoch in range(int(args.num_train_epochs)):
        for rows in np.array_split(rng.permutation(200), 200 // args.per_device_train_batch_size or 1):
            hidden = np.tanh(x[rows] @ w1)
            w2 -= args.learning_rate * (hidden.T @ (hidden @ w2 - y[rows]) + args.weight_decay * w2)
        eval_loss = np.mean((np.tanh(x[200:] @ w1) @ w2 - y[200:]) ** 2)
        logger.info("epoch = %d, eval_loss = %.6f", epoch, eval_loss)


if __name__ == "__main__":
    main()
