"""In the manner of the MNIST examples: a function that trains and logs batches, one that tests, a schedule."""

import argparse

import numpy as np


def softmax(scores):
    exps = np.exp(scores - scores.max(1, keepdims=True))
    return exps / exps.sum(1, keepdims=True)


def train(args, model, x, y, epoch, lr, rng):
    order = rng.permutation(len(x))
    for batch_idx, start in enumerate(range(0, len(x), args.batch_size)):
        rows = order[start : start + args.batch_size]
        output = softmax(x[rows] @ model)
        loss = -np.log(output[np.arange(len(rows)), y[rows]] + 1e-12).mean()
        output[np.arange(len(rows)), y[rows]] -= 1
        model -= lr * (x[rows].T @ output / len(rows) + args.weight_decay * model)
        if batch_idx % args.log_interval == 0:
            print(
                "Train Epoch: {} [{}/{} ({:.0f}%)]\tLoss: {:.6f}".format(
                    epoch, start, len(x), 100.0 * start / len(x), loss
                )
            )


def test(model, x, y):
    output = softmax(x @ model)
    test_loss = -np.log(output[np.arange(len(x)), y] + 1e-12).mean()
    correct = int((output.argmax(1) == y).sum())
    print(
        "\nTest set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)\n".format(
            test_loss, correct, len(x), 100.0 * correct / len(x)
        )
    )


def main():
    parser = argparse.ArgumentParser(description="Digits, small")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="input batch size for training")
    parser.add_argument("--test-batch-size", type=int, default=1000, metavar="N", help="input batch size for testing")
    parser.add_argument("--epochs", type=int, default=4, metavar="N", help="number of epochs to train")
    parser.add_argument("--lr", type=float, default=1.0, metavar="LR", help="learning rate (default: 1.0)")
    parser.add_argument("--gamma", type=float, default=0.7, metavar="M", help="learning rate step gamma")
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--no-cuda", action="store_true", default=False, help="disables CUDA training")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="random seed")
    parser.add_argument("--log-interval", type=int, default=10, metavar="N")
    parser.add_argument("--save-model", action="store_true", default=False)
    args = parser.parse_args()

    data = np.random.default_rng(0)
    x = data.normal(size=(800, 10))
    y = (x @ data.normal(size=(10, 3)) + data.gumbel(size=(800, 3))).argmax(1)
    model = np.zeros((10, 3))
    rng = np.random.default_rng(args.seed)
    scheduler = [args.lr * args.gamma**step for step in range(args.epochs)]
    for epoch in range(1, args.epochs + 1):
        train(args, model, x[:600], y[:600], epoch, scheduler[epoch - 1], rng)
        test(model, x[600:], y[600:])


if __name__ == "__main__":
    main()
