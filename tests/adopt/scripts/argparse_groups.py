"""Parents, groups, subcommands and switches that can be told both ways; one line of JSON an epoch."""

import argparse
import json

import numpy as np

DEFAULT_LR = 5e-2


def build_parser():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--seed", type=int, default=0)
    common.add_argument("--out-dir", default="runs")
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", parents=[common])
    optimization = train.add_argument_group("optimization")
    optimization.add_argument("-lr", "--learning-rate", dest="lr", type=float, default=DEFAULT_LR)
    optimization.add_argument("-b", "--bs", type=int, default=32)
    optimization.add_argument("--n-epochs", type=int, default=2 * 3)
    optimization.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    optimization.add_argument("--nesterov", action=argparse.BooleanOptionalAction, default=False)
    optimization.add_argument("--shuffle", action="store_true")
    predict = commands.add_parser("predict", parents=[common])
    predict.add_argument("--top-k", type=int, default=5)
    return parser


def fit(args):
    data = np.random.default_rng(0)
    x = data.normal(size=(400, 5))
    y = (x @ data.normal(size=5) + data.normal(size=400) > 0).astype(float)
    w, speed, scale = np.zeros(5), np.zeros(5), np.zeros(5)
    rng = np.random.default_rng(args.seed)
    for epoch in range(args.n_epochs):
        order = rng.permutation(300) if args.shuffle else np.arange(300)
        for start in range(0, 300, args.bs):
            rows = order[start : start + args.bs]
            gradient = x[rows].T @ (1 / (1 + np.exp(-x[rows] @ w)) - y[rows]) / len(rows)
            scale += gradient**2
            speed = 0.9 * speed * args.nesterov + gradient
            w -= args.lr * speed / (np.sqrt(scale) + 1e-8 if args.optimizer == "adam" else 1)
        p = 1 / (1 + np.exp(-x[300:] @ w))
        metrics = {
            "epoch": epoch,
            "val_loss": float(-np.mean(y[300:] * np.log(p + 1e-9) + (1 - y[300:]) * np.log(1 - p + 1e-9))),
            "val_acc": float(((p > 0.5) == y[300:]).mean()),
        }
        print(json.dumps(metrics))


if __name__ == "__main__":
    arguments = build_parser().parse_args()
    if arguments.command == "train":
        fit(arguments)
