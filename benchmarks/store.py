"""Ask and tell against a store on disk, beside Optuna's, in one run.

    python benchmarks/store.py --peer-python .bench/optuna/bin/python --trials 1000 10000 --repeats 3 --out store.json

Both draw 5 settings at random (two floats, a log float, an int, a choice) and "measure" the first of them, so that
nothing but drawing, bookkeeping and storing takes time. What each side's store survives when a call returns:

    luthier power         loss of power: SQLite in WAL mode, synchronous=FULL, one sync a commit; the log has its full
                          length from the start and is overwritten, so that the file system has nothing else to sync
    luthier process       kill -9, not loss of power: synchronous=NORMAL
    optuna journal        loss of power: JournalFileBackend.append_logs ends in os.fsync; 7 appends a trial
    optuna rdb            loss of power: RDBStorage sets no pragma, so SQLite's rollback journal with synchronous=FULL

"ask and tell" is `luthier.study.ask_tell.AskTell` with random search: a commit when a trial is asked for and another
when it is told. "a study" is the loop of `lt.tune` over a Python function in the same process: the end of one trial
and the start of the next are one commit. Opening is reading what was written back, in a new process: to a `History`,
or to Optuna's list of trials. Imports count for neither. Every run is a process of its own; sides take turns within
each repeat.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LUTHIER = ("luthier power, ask and tell", "luthier power, a study", "luthier process, ask and tell")
OPTUNA = ("optuna journal", "optuna rdb")
REFERENCE = "optuna journal"


def run_luthier(side: str, path: Path, trials: int, seed: int) -> float:
    """Seconds for `trials` trials."""
    from functools import partial

    import luthier as lt
    from luthier.run.inline import InlineRunner
    from luthier.search.random import Random
    from luthier.stages.function import FunctionStage
    from luthier.store.artifacts import MemoryArtifacts
    from luthier.store.lease import writer_name
    from luthier.store.sql import SqlStore
    from luthier.study.allocate import EqualShare
    from luthier.study.ask_tell import AskTell
    from luthier.study.home import Home
    from luthier.study.problem import Problem
    from luthier.study.study import Study

    lever = lt.Lever(
        "f",
        {
            "x": lt.Float(0, 1),
            "y": lt.Float(-5, 5),
            "rate": lt.Float(1e-5, 1e-1, log=True),
            "depth": lt.Int(1, 100),
            "kind": lt.Choice(("a", "b", "c")),
        },
    )
    metric = lt.Metric("value", "minimize")
    store = SqlStore(f"sqlite:///{path}", durability="power" if "power" in side else "process")
    home = Home(store, MemoryArtifacts(), writer_name())
    searcher = partial(Random, metric=metric, fidelity=lt.Fidelity(), seed=seed)
    began = time.perf_counter()
    if side.endswith("a study"):
        stage = FunctionStage(lambda x, y, rate, depth, kind: x, (lever,), metric="value")
        budget = lt.Budget(trials=trials)
        Study("s", home, Problem(metric, stage, (lever,), budget, searcher, EqualShare(["f"])), InlineRunner).run()
    else:
        with AskTell("s", home, metric, (lever,), searcher, seed=seed) as study:
            for _ in range(trials):
                trial = study.ask()
                study.tell(trial, float(trial.config["f.x"]))  # pyright: ignore[reportArgumentType]
    seconds = time.perf_counter() - began
    store.close()
    return seconds


def open_luthier(path: Path, trials: int) -> float:
    """Seconds from the file to the history."""
    import pydantic_core  # noqa: F401  imports count for neither side
    import sqlalchemy  # noqa: F401

    import luthier.store.schema  # noqa: F401
    from luthier.core.history import History
    from luthier.store.sql import SqlStore

    began = time.perf_counter()
    store = SqlStore(f"sqlite:///{path}")
    history = History.of(store.events("s"))
    seconds = time.perf_counter() - began
    if len(history.trials) != trials or any(trial.value is None for trial in history.trials):
        raise RuntimeError(f"expected {trials} measured trials; got {len(history.trials)}")
    return seconds


def optuna_storage(side: str, path: Path) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if side == "optuna journal":
        return optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    return optuna.storages.RDBStorage(f"sqlite:///{path}")


def run_optuna(side: str, path: Path, trials: int, seed: int) -> float:
    """Seconds for `trials` trials."""
    import optuna

    sampler = optuna.samplers.RandomSampler(seed=seed)
    study = optuna.create_study(study_name="s", storage=optuna_storage(side, path), sampler=sampler)
    began = time.perf_counter()
    for _ in range(trials):
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        trial.suggest_float("y", -5, 5)
        trial.suggest_float("rate", 1e-5, 1e-1, log=True)
        trial.suggest_int("depth", 1, 100)
        trial.suggest_categorical("kind", ("a", "b", "c"))
        study.tell(trial, x)
    return time.perf_counter() - began


def open_optuna(side: str, path: Path, trials: int) -> float:
    """Seconds from the file to the list of trials."""
    import optuna

    began = time.perf_counter()
    read = optuna.load_study(study_name="s", storage=optuna_storage(side, path)).trials
    seconds = time.perf_counter() - began
    if len(read) != trials or any(trial.value is None for trial in read):
        raise RuntimeError(f"expected {trials} measured trials; got {len(read)}")
    return seconds


def work(action: str, side: str, path: Path, trials: int, seed: int) -> dict[str, float | str]:
    """One run, in this process: its seconds, and the version of the side."""
    if side in LUTHIER:
        from importlib.metadata import PackageNotFoundError, version

        try:
            release = version("luthier")
        except PackageNotFoundError:
            release = "source"
        seconds = run_luthier(side, path, trials, seed) if action == "run" else open_luthier(path, trials)
        return {"seconds": seconds, "version": release}
    import optuna

    seconds = run_optuna(side, path, trials, seed) if action == "run" else open_optuna(side, path, trials)
    return {"seconds": seconds, "version": optuna.__version__}


def in_a_process(python: str, action: str, side: str, path: Path, trials: int, seed: int) -> dict[str, Any]:
    """The same in a process of `python`."""
    command = [python, __file__, "--work", action, side, str(path), str(trials), str(seed)]
    source = str(Path(__file__).resolve().parents[1] / "src")
    environment = {**os.environ, "PYTHONPATH": source} if side in LUTHIER else {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"'{side}' failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def microseconds_a_sync(folder: Path, count: int = 100) -> float:
    """The median of writing 200 bytes to the end of a file and syncing it: what durability costs on this disk."""
    times: list[float] = []
    with (folder / "sync").open("wb") as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(b"x" * 200)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return 1e6 * statistics.median(times)


def compare(sides: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """All runs: rows of side, trials, repeat, seconds to run, seconds to open."""
    rows: list[dict[str, Any]] = []
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        sync = microseconds_a_sync(folder)
        for trials in arguments.trials:
            for repeat in range(arguments.repeats):
                turn = repeat % len(sides)
                for side in sides[turn:] + sides[:turn]:
                    python = sys.executable if side in LUTHIER else arguments.peer_python
                    path = folder / f"{side.replace(' ', '-').replace(',', '')}-{trials}-{repeat}"
                    ran = in_a_process(python, "run", side, path, trials, repeat)
                    opened = in_a_process(python, "open", side, path, trials, repeat)
                    row = {"side": side, "trials": trials, "repeat": repeat}
                    rows.append({**row, "run_s": ran["seconds"], "open_s": opened["seconds"]})
                    versions[side] = ran["version"]
                    print(f"  {side}, {trials} trials: {ran['seconds']:.2f} s, opened in {opened['seconds']:.3f} s")
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    return {"machine": machine, "sync_us": sync, "versions": versions, "rows": rows}


def spread(values: list[float], form: str) -> str:
    """Median (least to most)."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def table(result: dict[str, Any]) -> str:
    """Figures by side, with ratios to Optuna's journal taken within each repeat."""
    rows = result["rows"]
    lines = [f"{result['machine']}; one sync of the disk takes {result['sync_us']:.0f} us"]
    for trials in sorted({row["trials"] for row in rows}):
        lines += ["", f"{trials} trials: median (least to most)"]
        lines.append(f"  {'':36}{'us a trial':28}{'times as fast':26}{'opening, s':28}times as fast")
        reference = [row for row in rows if row["trials"] == trials and row["side"] == REFERENCE]
        for side in dict.fromkeys(row["side"] for row in rows):
            own = [row for row in rows if row["trials"] == trials and row["side"] == side]
            cells = [
                f"{side} {result['versions'][side]}",
                spread([1e6 * row["run_s"] / trials for row in own], ".0f"),
                spread([other["run_s"] / row["run_s"] for row, other in zip(own, reference, strict=True)], ".1f"),
                spread([row["open_s"] for row in own], ".3f"),
                spread([other["open_s"] / row["open_s"] for row, other in zip(own, reference, strict=True)], ".1f"),
            ]
            lines.append("  " + f"{cells[0]:36}{cells[1]:28}{cells[2]:26}{cells[3]:28}{cells[4]}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="luthier's store beside Optuna's")
    parser.add_argument("--peer-python", help="a Python that has Optuna")
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-rdb", action="store_true", help="leave out Optuna's RDBStorage, which takes longest")
    parser.add_argument("--folder", type=Path, default=Path(), help="where to write: a real disk, no RAM disk")
    parser.add_argument("--out", type=Path, help="write all figures here as JSON")
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        action, side, path, trials, seed = arguments.work
        print(json.dumps(work(action, side, Path(path), int(trials), int(seed))))
        return
    if arguments.peer_python is None:
        parser.error("--peer-python must name a Python that has Optuna")
    sides = [*LUTHIER, "optuna journal", *([] if arguments.without_rdb else ["optuna rdb"])]
    result = compare(sides, arguments)
    print(table(result))
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
