"""Settings in one dict, with a dict inside, as for an experiment tracker."""

import numpy as np

config = {
    "project": "demo",
    "lr": 3e-2,
    "batch_size": 25,
    "epochs": 5,
    "model": dict(hidden_dim=12, activation="tanh"),
    "log_every": 10,
    "device": "cpu",
}


def run(config):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 3))
    y = np.abs(x).sum(1)
    w1, w2 = rng.normal(size=(3, config["model"]["hidden_dim"])), np.zeros(config["model"]["hidden_dim"])
    mae = None
    for epoch in range(config["epochs"]):
        for rows in np.array_split(rng.permutation(200), max(1, 200 // config["batch_size"])):
            hidden = np.maximum(x[rows] @ w1, 0)
            w2 -= config["lr"] * hidden.T @ (hidden @ w2 - y[rows]) / len(rows) / config["model"]["hidden_dim"]
        mae = np.abs(np.maximum(x[200:] @ w1, 0) @ w2 - y[200:]).mean()
        msg = "epoch %d " % epoch
        msg += "done"
        print(msg)
    return mae


mae = run(config)
print("Mean absolute error on the validation set: {:.4f}".format(mae))
