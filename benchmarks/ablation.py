"""What each ingredient of the default searcher is worth, over random problems, seeds and settings of the others.

    make bench-env PEER=search
    .bench/search/bin/python benchmarks/ablation.py --data ../shared/data --minutes 10 \\
        --vary 'model:EXPLORE_EVERY=10,1000' --vary 'gaussian_process:BEND_SCALE=0.5,0.01'

`--vary` names a constant of a module in luthier.search and the values to draw from, JSON each. Runs are kept in
`--runs`, a file of lines, so that the same call goes on where it stopped. The table gives, for each value, how much
log10 regret (and regret) changes against the first, with its standard error: -0.3 is half the regret.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from searching.effects import AT, Effect, Outcome, effects, put
from searching.own import OwnRun, run_own
from searching.problem import Problem, incumbents
from searching.problems import all_problems, choose

SEEDS = 1000  # so many that no first points are met twice
MOST_REGRET = 2.0
FAST = "lcbench/*,rbv2_xgboost/*,hpolib/*,hpobench/*,nasbench201/*,nasbench_graph/*,taskset/*"  # not trained for real


def main() -> None:
    """Run for the minutes given, then print the table of all runs kept."""
    arguments = _parser().parse_args()
    levels = dict(_level(text) for text in arguments.vary)
    put({name: values[0] for name, values in levels.items()})  # says at once what isn't there
    problems = choose(all_problems(arguments.data), arguments.problems)
    draw = random.Random(time.time_ns())
    end = time.monotonic() + 60 * arguments.minutes
    with arguments.runs.open("a") as file:
        while time.monotonic() < end:
            values = {name: draw.choice(list(options)) for name, options in levels.items()}
            outcome = _run(draw.choice(problems), draw.randrange(SEEDS), values)
            file.write(outcome.to_line() + "\n")
            file.flush()
    kept = [Outcome.from_line(line) for line in arguments.runs.read_text().splitlines()]
    outcomes = [one for one in kept if one.values.keys() == levels.keys()]
    if not outcomes:
        raise SystemExit(f"{arguments.runs} must hold a run of these settings, and holds none; raise --minutes")
    _print(outcomes, levels)


def _run(problem: Problem, seed: int, values: Mapping[str, Any]) -> Outcome:
    put(values)
    trace = run_own(OwnRun("model", problem.name, seed, max(AT)), problem)
    best = incumbents(trace.observed, trace.truth)
    best += best[-1:] * (max(AT) - len(best))  # the space was searched whole
    return Outcome(problem.name, values, tuple(min(problem.regret(best[at - 1]), MOST_REGRET) for at in AT))


def _print(outcomes: Sequence[Outcome], levels: Mapping[str, Sequence[Any]]) -> None:
    print(f"{len(outcomes)} runs; change of log10 regret, and of regret, after {', '.join(map(str, AT))} evaluations")
    for effect in effects(outcomes, levels):
        print(f"  {effect.name} {effect.value} against {effect.base}".ljust(60), _row(effect))


def _row(effect: Effect) -> str:
    logs = "  ".join(f"{a:+.2f} ± {b:.2f}" for a, b in zip(effect.logs, effect.log_errors, strict=True))
    means = "  ".join(f"{a:+.3f} ± {b:.3f}" for a, b in zip(effect.means, effect.mean_errors, strict=True))
    return f"{logs}   {means}"


def _level(text: str) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    try:
        return name, json.loads(f"[{values}]") if equals and ":" in name else _wrong(text)
    except json.JSONDecodeError:
        return _wrong(text)


def _wrong(text: str) -> Any:
    raise SystemExit(f"--vary must be 'module:NAME=value,value', JSON values; got '{text}'")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the benchmark data")
    parser.add_argument("--vary", action="append", required=True, help="'module:NAME=value,value'; may be repeated")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to run (10)")
    parser.add_argument("--problems", default=FAST, help="patterns, comma-separated; those that train nothing")
    parser.add_argument("--runs", type=Path, default=Path("ablation.jsonl"), help="where runs are kept")
    return parser


if __name__ == "__main__":
    main()
