"""The command line of `benchmarks/search.py`: which runs, which tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from searching import own, report, scaling
from searching.comparison import Runs
from searching.driving import PEERS, run_peers
from searching.own import OwnRun, Workshop
from searching.problem import Problem
from searching.problems import TRACES, all_problems, choose
from searching.traces import kept


def main() -> None:
    """Parse, run what isn't kept, print the tables, and write the figures where `--out` says."""
    arguments = _parser().parse_args()
    if not (arguments.data / "README.md").exists():
        raise SystemExit(
            f"--data must name the folder of the benchmark data, which has a README.md; got {arguments.data}"
        )
    problems = choose(all_problems(arguments.data, arguments.traces), arguments.problems)
    peers = _known_peers(arguments.peers)
    if arguments.run_peers:
        run_peers(problems, peers, arguments.traces)
        return
    figures: dict[str, Any] = {"version": own.VERSION}
    if arguments.scaling:
        costs = [scaling.measure(name, n) for name in arguments.searcher.split(",") for n in arguments.scaling_trials]
        figures["scaling"] = report.scaling_table(costs)
    if not arguments.scaling or arguments.out is not None or arguments.workers > 1:
        figures |= compare(arguments, problems, peers)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n")


def compare(arguments: argparse.Namespace, problems: Sequence[Problem], peers: Sequence[str]) -> dict[str, Any]:
    """Run luthier's searchers, read the peers' runs, print the tables; their figures."""
    workshop = Workshop(arguments.data, arguments.jobs, arguments.cache)
    searchers = arguments.searcher.split(",")
    planned = _runs(searchers, problems, arguments, 1)
    together = _runs(searchers, problems, arguments, arguments.workers) if arguments.workers > 1 else []
    traces = [*workshop.run([*planned, *together]), *kept(arguments.traces, peers)]
    runs = Runs.of(traces, problems)
    sides = [*dict.fromkeys(run.side for run in planned), *(peer for peer in peers if peer in runs.traces)]
    return report.print_all(runs, sides, [run.side for run in together], arguments.workers, arguments.evaluations)


def _runs(
    searchers: Sequence[str], problems: Sequence[Problem], arguments: argparse.Namespace, workers: int
) -> list[OwnRun]:
    return [
        OwnRun(searcher, problem.name, seed, arguments.evaluations, workers)
        for searcher in searchers
        for seed in range(arguments.seeds)
        for problem in problems
    ]


def _known_peers(names: str) -> list[str]:
    chosen = [name for name in names.split(",") if name]
    if wrong := [name for name in chosen if name not in PEERS]:
        raise SystemExit(f"--peers knows {', '.join(PEERS)}; got {', '.join(wrong)}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    script = sys.modules["__main__"].__doc__ or ""
    parser = argparse.ArgumentParser(description=script.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the benchmark data")
    parser.add_argument("--searcher", default="model", help="luthier's, comma-separated (model)")
    parser.add_argument("--problems", default="*", help="patterns, comma-separated: 'lcbench/*,sklearn/svm*'")
    parser.add_argument("--seeds", type=int, default=5, help="so many runs of each problem (5)")
    parser.add_argument("--evaluations", type=int, default=100, help="of each run (100)")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated; '' for none")
    parser.add_argument("--workers", type=int, default=1, help="also with so many evaluations at the same time")
    parser.add_argument("--scaling", action="store_true", help="what an ask costs after many trials, instead of runs")
    parser.add_argument("--scaling-trials", type=int, nargs="+", default=[1_000, 10_000], help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=1, help="runs of luthier beside each other (1)")
    parser.add_argument("--cache", type=Path, help="keep luthier's runs in this folder, by the state of its code")
    parser.add_argument("--out", type=Path, help="write all figures here as JSON")
    parser.add_argument("--traces", type=Path, default=TRACES, help="where the peers' runs and references are kept")
    parser.add_argument("--run-peers", action="store_true", help="run what is missing of the peers, nothing else")
    return parser
