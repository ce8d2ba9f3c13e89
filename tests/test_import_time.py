"""Importing luthier, or any of its modules that values live in, loads no heavy package."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "torch", "transformers", "sklearn", "polars", "plotly", "sqlalchemy", "pydantic", "scipy.stats", "cloudpickle",
    "rich", "typer", "ruamel", "skops", "cmaes",
)  # fmt: skip
MODULES = (
    "luthier",
    "luthier.core.contracts",
    "luthier.core.dataset",
    "luthier.core.events",
    "luthier.core.history",
    "luthier.core.lever",
    "luthier.core.meaning",
    "luthier.data.held_out",
    "luthier.data.read",
    "luthier.data.split",
    "luthier.data.target",
)


def _loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(ended.stdout.split())


@pytest.mark.parametrize("module", MODULES)
def test_importing_loads_nothing_heavy(module: str) -> None:
    assert _loaded_by(f"import {module}").isdisjoint(HEAVY)


def test_importing_luthier_does_not_even_load_numpy() -> None:
    assert "numpy" not in _loaded_by("import luthier")


def test_making_a_space_loads_nothing_heavy() -> None:
    code = "import luthier as lt; lt.Space({'a': lt.Float(0, 1, prior=lt.Prior(0.5))}).config()"
    assert _loaded_by(code).isdisjoint(HEAVY)
