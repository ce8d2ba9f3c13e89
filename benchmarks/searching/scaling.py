"""What an ask costs after many trials, on a space of mixed and conditional settings."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from luthier.core.config import Config
from luthier.core.parameter import Choice, Float, Int
from luthier.core.space import Space
from luthier.core.trial import Measurement, Status, Trial
from searching.own import Conversation

SPACE = Space(
    {
        "model": Choice(("linear", "trees", "net")),
        "penalty": Float(1e-6, 1e2, log=True),
        "size": Choice(("small", "medium", "large"), ordered=True),
        "depth": Int(1, 16, when={"model": "trees"}),
        "trees": Int(10, 1000, log=True, when={"model": "trees"}),
        "layers": Int(1, 4, when={"model": "net"}),
        "learning_rate": Float(1e-5, 1.0, log=True, when={"model": ["trees", "net"]}),
        "momentum": Float(0.0, 0.99, when={"model": "net"}),
        "dropout": Float(0.0, 0.9, when={"model": "net"}),
        "seed_rows": Float(0.1, 1.0),
    }
)


@dataclass(frozen=True)
class Cost:
    """CPU seconds: of telling all trials, of the first ask after it, and of the mean of the asks that follow."""

    searcher: str
    trials: int
    telling: float
    first: float
    later: float


def measure(searcher: str, trials: int, asks: int = 20) -> Cost:
    """Tell random trials, then ask and tell on; 20 asks, since a searcher may learn anew only now and then."""
    talk = Conversation(searcher, SPACE, 0)
    rng = np.random.default_rng(0)
    drawn = {config.key: config for config in (SPACE.sample(rng) for _ in range(trials + trials // 10))}
    configs = list(drawn.values())[:trials]
    began = time.process_time()
    for config in configs:
        done = (Measurement(1, _value(config)),)
        trial = Trial(len(talk.trials), config, Status.COMPLETED, measurements=done)
        talk.searcher.tell(trial)
        talk.trials.append(trial)
    telling = time.process_time() - began
    for _ in range(asks + 1):
        trial = talk.ask()
        assert trial is not None, "a space of real numbers has no end"
        talk.tell(trial, _value(trial.config))
    return Cost(searcher, len(configs), telling, talk.cpu[0], float(np.mean(talk.cpu[1:])))


def _value(config: Config) -> float:
    """A smooth bowl with a step between models, and noise that follows from the config."""
    unit = SPACE.to_unit(config)
    noise = int(config.key[:6], 16) / 16**6
    return float(np.nansum((unit - 0.4) ** 2)) + 0.1 * noise + math.log1p(len(config)) / 10
