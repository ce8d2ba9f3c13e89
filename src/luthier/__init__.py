"""luthier: find which changes make a model better, make them, and prove what each gained and cost."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from luthier.core.budget import Budget as Budget
    from luthier.core.cost import Cost as Cost
    from luthier.core.dataset import Dataset as Dataset
    from luthier.core.errors import LuthierError as LuthierError
    from luthier.core.lever import Lever as Lever
    from luthier.core.metric import Metric as Metric
    from luthier.core.parameter import Choice as Choice
    from luthier.core.parameter import Float as Float
    from luthier.core.parameter import Int as Int
    from luthier.core.parameter import Order as Order
    from luthier.core.parameter import Prior as Prior
    from luthier.core.parameter import Range as Range
    from luthier.core.parameter import Subset as Subset
    from luthier.core.parameter import Text as Text
    from luthier.core.space import Space as Space
    from luthier.core.trial import Examples as Examples
    from luthier.core.trial import Fidelity as Fidelity
    from luthier.core.trial import Measurement as Measurement
    from luthier.core.trial import Trial as Trial
    from luthier.data.read import from_frame as from_frame
    from luthier.data.read import read_table as read_table
    from luthier.interfaces.python import ask_tell as ask_tell
    from luthier.interfaces.python import tune as tune
    from luthier.stages.define_by_run import TrialPruned as TrialPruned
    from luthier.study.ask_tell import AskTell as AskTell
    from luthier.study.study import Study as Study

_HOMES = {
    "AskTell": "study.ask_tell",
    "Budget": "core.budget",
    "Choice": "core.parameter",
    "Cost": "core.cost",
    "Dataset": "core.dataset",
    "Examples": "core.trial",
    "Float": "core.parameter",
    "Int": "core.parameter",
    "Lever": "core.lever",
    "LuthierError": "core.errors",
    "Measurement": "core.trial",
    "Metric": "core.metric",
    "Order": "core.parameter",
    "Prior": "core.parameter",
    "Range": "core.parameter",
    "Space": "core.space",
    "Subset": "core.parameter",
    "Text": "core.parameter",
    "Fidelity": "core.trial",
    "Study": "study.study",
    "Trial": "core.trial",
    "TrialPruned": "stages.define_by_run",
    "ask_tell": "interfaces.python",
    "from_frame": "data.read",
    "read_table": "data.read",
    "tune": "interfaces.python",
}

__version__ = "0.1.0"
__all__ = sorted(_HOMES)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Import a public name on its first use, so that `import luthier` stays fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'luthier' has no attribute '{name}'; it has: {', '.join(__all__)}")
    value = getattr(import_module(f"luthier.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
