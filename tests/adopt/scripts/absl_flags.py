"""Flags of absl, and a progress bar that shows the metric."""

import numpy as np
from absl import app, flags
from tqdm import tqdm

FLAGS = flags.FLAGS
flags.DEFINE_float("learning_rate", 0.05, "Learning rate.")
flags.DEFINE_integer("batch_size", 16, "Batch size.")
flags.DEFINE_integer("num_epochs", 4, "Number of epochs.")
flags.DEFINE_enum("loss", "squared", ["squared", "huber"], "Which loss.")
flags.DEFINE_bool("use_ema", False, "Average the weights.")
flags.DEFINE_string("workdir", "/tmp/work", "Where to write.")


def main(argv):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    y = x @ np.array([1.0, -1.0, 2.0, 0.0]) + rng.normal(size=300)
    w, mean = np.zeros(4), np.zeros(4)
    bar = tqdm(range(FLAGS.num_epochs))
    for epoch in bar:
        for rows in np.array_split(rng.permutation(200), max(1, 200 // FLAGS.batch_size)):
            error = x[rows] @ w - y[rows]
            error = np.clip(error, -1, 1) if FLAGS.loss == "huber" else error
            w = w - FLAGS.learning_rate * x[rows].T @ error / len(rows)
            mean = 0.9 * mean + 0.1 * w
        chosen = mean if FLAGS.use_ema else w
        bar.set_postfix(train_mse=np.mean((x[:200] @ chosen - y[:200]) ** 2), val_mse=np.mean((x[200:] @ chosen - y[200:]) ** 2))


if __name__ == "__main__":
    app.run(main)
