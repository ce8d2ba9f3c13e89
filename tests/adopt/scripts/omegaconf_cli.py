"""OmegaConf without Hydra: a dict, and the command line over it."""

from omegaconf import OmegaConf

defaults = OmegaConf.create({"optim": {"lr": 0.1, "momentum": 0.9}, "train": {"batch_size": 64, "epochs": 2}})
cfg = OmegaConf.merge(defaults, OmegaConf.from_cli())

for epoch in range(cfg.train.epochs):
    test_accuracy = 1 - cfg.optim.lr / (epoch + 1)
    print({"epoch": epoch, "test_accuracy": test_accuracy})
