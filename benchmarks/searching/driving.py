"""Runs of peers, each in a process of its own environment, and the order in which they are run."""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searching import ONE_THREAD
from searching.problem import Problem
from searching.traces import Trace, keep, kept

SCRIPTS = Path(__file__).resolve().parent / "peers"
ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".bench"


@dataclass(frozen=True)
class PeerCommand:
    """Which environment a peer lives in, and the script that speaks for it."""

    environment: str
    script: tuple[str, ...]

    def line(self) -> list[str]:
        python = ENVIRONMENTS / self.environment / "bin" / "python"
        return [str(python), str(SCRIPTS / self.script[0]), *self.script[1:]]


PEERS = {
    "random": PeerCommand("optuna", ("optuna_samplers.py", "random")),
    "tpe": PeerCommand("optuna", ("optuna_samplers.py", "tpe")),
    "gp": PeerCommand("optuna", ("optuna_samplers.py", "gp")),
    "smac": PeerCommand("smac", ("smac_hpo.py",)),
    "hebo": PeerCommand("hebo", ("hebo_search.py",)),
    "ax": PeerCommand("ax", ("ax_client.py",)),
}

# HEBO and Ax take long: one problem of each of six families, half the evaluations, three seeds.
FEW_PROBLEMS = (
    "lcbench/189906",
    "rbv2_xgboost/1501",
    "hpolib/naval_propulsion",
    "nasbench_graph/cora",
    "taskset/patch128_LSTM128_avg_bs64",
    "sklearn/svm-digits",
)


@dataclass(frozen=True)
class Portion:
    """A part of the plan: these peers on these seeds; `few` for the six problems and 50 evaluations."""

    peers: tuple[str, ...]
    seeds: tuple[int, ...]
    few: bool = False


# Every peer gets a first seed before the dear ones go on, so that there is soon something to compare with.
PLAN = (
    Portion(("random",), (0, 1, 2, 3, 4)),
    Portion(("tpe",), (0, 1)),
    Portion(("smac", "gp"), (0,)),
    Portion(("hebo", "ax"), (0,), few=True),
    Portion(("tpe",), (2, 3, 4)),
    Portion(("smac", "gp"), (1,)),
    Portion(("hebo", "ax"), (1, 2), few=True),
    Portion(("smac", "gp"), (2, 3, 4)),
)


@dataclass(frozen=True)
class Run:
    """One run to be done."""

    peer: str
    problem: Problem
    seed: int
    evaluations: int


def planned(problems: Sequence[Problem], peers: Sequence[str]) -> Iterator[Run]:
    """All runs in order: seed by seed over all problems, families in turn, so that what is done is balanced."""
    turns = families_in_turn(problems)
    for portion in PLAN:
        chosen = [one for one in turns if not portion.few or one.name in FEW_PROBLEMS]
        for peer in portion.peers:
            if peer in peers:
                for seed in portion.seeds:
                    for problem in chosen:
                        yield Run(peer, problem, seed, 50 if portion.few else 100)


def families_in_turn(problems: Sequence[Problem]) -> list[Problem]:
    """The first problem of each family, then the second of each, and so on."""
    families: dict[str, list[Problem]] = {}
    for problem in problems:
        families.setdefault(problem.family, []).append(problem)
    rounds = itertools.zip_longest(*families.values())
    return [problem for one_round in rounds for problem in one_round if problem is not None]


def run_peers(problems: Sequence[Problem], peers: Sequence[str], folder: Path) -> None:
    """Do what the plan holds and `folder` lacks, one run after the other; a run that breaks is told and left out."""
    done = {(trace.side, trace.problem, trace.seed) for trace in kept(folder, peers)}
    for run in planned(problems, peers):
        if (run.peer, run.problem.name, run.seed) in done:
            continue
        began = time.perf_counter()
        try:
            trace = run_peer(run)
        except (RuntimeError, OSError) as error:
            print(f"{run.peer} {run.problem.name} seed {run.seed} broke: {error}", flush=True)
            continue
        keep(folder, trace)
        took = time.perf_counter() - began
        print(f"{run.peer} {run.problem.name} seed {run.seed}: {sum(trace.cpu):.1f} CPU s, {took:.1f} s", flush=True)


def run_peer(run: Run) -> Trace:
    """One run of a peer; raises RuntimeError with what it said last where it ends early."""
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": "", "PYTHONHASHSEED": "0"}
    observed: list[float] = []
    truth: list[float] = []
    cpu: list[float] = []
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(
            PEERS[run.peer].line(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env=environment,
        ) as process,
    ):
        try:
            opening = {"space": run.problem.space.to_json(), "seed": run.seed, "evaluations": run.evaluations}
            _say(process, opening)
            version = _hear(process)["version"]
            for number in range(run.evaluations):
                answer = _hear(process)
                value = run.problem.observe(answer["config"], run.seed, number)
                observed.append(value)
                truth.append(run.problem.truth(answer["config"]))
                cpu.append(answer["cpu"])
                _say(process, value if math.isfinite(value) else None)
        except (EOFError, BrokenPipeError):
            process.wait()
            complaints.seek(0)
            raise RuntimeError(f"it ended with: {complaints.read()[-2000:]}") from None
        finally:
            if len(observed) < run.evaluations:
                process.kill()
    return Trace(run.peer, version, run.problem.name, run.seed, tuple(observed), tuple(truth), tuple(cpu))


def _say(process: subprocess.Popen[str], message: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def _hear(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise EOFError
    return json.loads(line)
