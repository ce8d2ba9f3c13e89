"""All problems of the search benchmark, by family.

    lcbench          12  surrogate, 7 numbers                          without noise
    rbv2_xgboost     10  surrogate, 14 settings, conditional           without noise
    hpolib            2  table, 9 choices, 6 of them ordered           one of 4 repeats is shown
    hpobench          4  table, 5 ordered choices                      one of 5 repeats is shown
    nasbench201       1  table, 6 choices                              one of up to 3 repeats is shown
    nasbench_graph    4  table, 5 choices                              without noise; a few failures
    taskset           6  recorded runs, 8 log numbers                  nearest run; up to 23% failures
    sklearn           5  trained for real, most of them conditional    without noise; ties

Left out: instances of the surrogates that are kept unseen for a later judgement, and rbv2_xgboost 40499, whose
surrogate has artefacts near error 0.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from luthier.core.space import Space
from searching import recorded, surrogates, tables, trained
from searching.problem import Problem, Source

TRACES = Path(__file__).resolve().parents[1] / "traces"
CACHE = Path(__file__).resolve().parents[2] / ".bench" / "cache"


def all_problems(data: Path, folder: Path = TRACES, cache_folder: Path = CACHE) -> list[Problem]:
    """Every problem, in a fixed order; `data` is the folder of the benchmark data, read when a problem is used.

    `folder` holds the references, `cache_folder` what was trained for real.
    """
    return [
        Problem(f"{family}/{name}", family, space, load, folder, 1_000 if family == "sklearn" else 20_000)
        for family, name, space, load in _listed(data, cache_folder)
    ]


def choose(problems: list[Problem], pattern: str) -> list[Problem]:
    """Those whose name matches one of the comma-separated shell patterns: `lcbench/*,sklearn/svm*`."""
    patterns = pattern.split(",")
    chosen = [one for one in problems if any(fnmatch.fnmatch(one.name, part) for part in patterns)]
    if not chosen:
        raise SystemExit(f"no problem matches '{pattern}'; there are: {', '.join(one.name for one in problems)}")
    return chosen


def _listed(data: Path, cache_folder: Path) -> Iterator[tuple[str, str, Space, Callable[[], Source]]]:
    for name in surrogates.LCBENCH_INSTANCES:
        yield "lcbench", name, surrogates.LCBENCH, partial(surrogates.lcbench, data, name)
    for name in surrogates.XGBOOST_INSTANCES:
        yield "rbv2_xgboost", name, surrogates.XGBOOST, partial(surrogates.xgboost, data, name)
    for name in tables.HPOLIB:
        yield "hpolib", name, tables.HPOLIB_SPACE, partial(tables.hpolib, data, name)
    for name in tables.HPOBENCH:
        yield "hpobench", name, tables.HPOBENCH_SPACE, partial(tables.hpobench, data, name)
    yield "nasbench201", "cifar10", tables.CELL_SPACE, partial(tables.cells, data)
    for name in tables.GRAPHS:
        yield "nasbench_graph", name, tables.GRAPH_SPACE, partial(tables.graph, data, name)
    for name in recorded.tasks(data):
        yield "taskset", name, recorded.SPACE, partial(recorded.task, data, name)
    for training in trained.TRAININGS:
        yield "sklearn", training.name, training.space, partial(trained.trained, training, cache_folder)
