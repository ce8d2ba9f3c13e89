"""Importing a stage imports nothing heavy: that waits for its use."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("sklearn", "skops", "polars", "scipy", "cloudpickle", "torch")


def test_importing_the_stages_is_light():
    modules = "function, define_by_run, estimator, command, chain, registry, check"
    program = f"import sys\nfrom luthier.stages import {modules}\nprint([m for m in {HEAVY} if m in sys.modules])"
    path = f"import sys; sys.path[:0] = {sys.path!r}\n"
    done = subprocess.run([sys.executable, "-c", path + program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
