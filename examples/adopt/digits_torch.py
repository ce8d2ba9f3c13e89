"""A PyTorch script as many are written: it knows nothing of luthier, and isn't changed for it.

A small network learns to read the 8x8 digits that scikit-learn carries.
"""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset, random_split


def train(args, model, loader, optimizer, epoch):
    model.train()
    for batch, (images, labels) in enumerate(loader):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        if batch % args.log_interval == 0:
            print(f"Train epoch: {epoch} [{batch}/{len(loader)}] loss: {loss.item():.4f}")


@torch.no_grad()
def validate(model, loader):
    model.eval()
    loss, correct, count = 0.0, 0, 0
    for images, labels in loader:
        scores = model(images)
        loss += functional.cross_entropy(scores, labels, reduction="sum").item()
        correct += (scores.argmax(1) == labels).sum().item()
        count += len(labels)
    print(f"Validation: loss {loss / count:.4f}, accuracy {correct / count:.4f}")


def main():
    parser = argparse.ArgumentParser(description="Digits")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--hidden-size", type=int, default=32)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--optimizer", choices=["adamw", "sgd"], default="sgd")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-interval", type=int, default=10)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    digits = load_digits()
    rows = TensorDataset(torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target))
    training, validation = random_split(rows, [0.7, 0.3], torch.Generator().manual_seed(0))
    model = nn.Sequential(
        nn.Linear(64, args.hidden_size), nn.ReLU(), nn.Dropout(args.dropout), nn.Linear(args.hidden_size, 10)
    )
    kind = torch.optim.AdamW if args.optimizer == "adamw" else torch.optim.SGD
    optimizer = kind(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
    for epoch in range(1, args.epochs + 1):
        train(args, model, DataLoader(training, batch_size=args.batch_size, shuffle=True), optimizer, epoch)
        validate(model, DataLoader(validation, batch_size=256))


if __name__ == "__main__":
    main()
