"""The corpus: small training scripts in the styles that people write them in, and what a reader should find in each."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = HERE / "scripts"
STAND_INS = HERE / "stand_ins"
"""Modules that stand for packages that aren't installed here, as far as the scripts use them."""


@dataclass(frozen=True)
class Case:
    """A script: where its learning rate, batch size and epochs are (those that it has), and its metric.

    `epochs` is the fidelity expected, 1 where only the last line counts. `needs` are modules or programs that must be
    there to run it; a stand-in will do.
    """

    script: str
    settings: Mapping[str, str]
    metric: str
    direction: str
    fidelity: int = 1
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    tuned: tuple[str, ...] = field(default=())

    @property
    def path(self) -> Path:
        return SCRIPTS / self.script

    @property
    def is_runnable(self) -> bool:
        return all(
            (STAND_INS / f"{name}.py").is_file()
            or (STAND_INS / name).is_dir()
            or importlib.util.find_spec(name) is not None
            or shutil.which(name) is not None
            for name in self.needs
        )


def _three(learning_rate: str, batch_size: str, epochs: str) -> dict[str, str]:
    return {"learning_rate": learning_rate, "batch_size": batch_size, "epochs": epochs}


CASES = (
    Case(
        "argparse_torch_style.py", _three("lr", "batch_size", "epochs"), "test_accuracy", "maximize", 4,
        tuned=("lr", "batch_size", "gamma", "weight_decay"),
    ),
    Case(
        "argparse_groups.py", _three("lr", "bs", "n_epochs"), "val_acc", "maximize", 6,
        tuned=("lr", "bs", "optimizer", "nesterov", "shuffle"),
    ),
    Case("click_command.py", _three("learning_rate", "batch_size", "epochs"), "val_rmse", "minimize", 1, ("click",)),
    Case("typer_command.py", _three("lr", "batch_size", "num_epochs"), "val_loss", "minimize", 4, ("typer",)),
    Case(
        "hydra_app/train.py", _three("optimizer.lr", "data.batch_size", "trainer.max_epochs"),
        "val_accuracy", "maximize", 5, ("hydra", "omegaconf"),
    ),
    Case(
        "hf_dataclasses.py", _three("learning_rate", "per_device_train_batch_size", "num_train_epochs"),
        "val_loss", "minimize", 3, ("transformers",),
    ),
    Case("notebook_constants.py", _three("LEARNING_RATE", "BATCH_SIZE", "EPOCHS"), "val_accuracy", "maximize", 6),
    Case("config_dict.py", _three("config.lr", "config.batch_size", "config.epochs"), "val_mae", "minimize"),
    Case("fire_function.py", _three("lr", "batch_size", "n_epochs"), "val_r2", "maximize", 4, ("fire",)),
    Case("sklearn_argparse.py", {}, "val_f1", "maximize", needs=("sklearn",), tuned=("C", "penalty")),
    Case(
        "sklearn_notebook.py", {}, "test_accuracy", "maximize", needs=("sklearn",),
        tuned=tuple(f"RandomForestClassifier.{name}" for name in ("n_estimators", "max_depth", "min_samples_leaf")),
    ),
    Case(
        "lightgbm_params.py", {"learning_rate": "params.learning_rate"}, "val_roc_auc", "maximize",
        needs=("lightgbm", "sklearn"),
    ),
    Case("keras_style.py", _three("learning_rate", "batch_size", "epochs"), "val_accuracy", "maximize", 5, ("keras",)),
    Case(
        "absl_flags.py", _three("learning_rate", "batch_size", "num_epochs"), "val_mse", "minimize",
        needs=("absl", "tqdm"),
    ),
    Case("cfg_class.py", _three("CFG.lr", "CFG.batch_size", "CFG.epochs"), "val_loss", "minimize"),
    Case(
        "tyro_config.py", _three("optimizer.lr", "batch_size", "epochs"), "val_loss", "minimize", 3, ("tyro",),
        tuned=("optimizer.lr", "optimizer.weight_decay", "batch_size"),
    ),
    Case(
        "omegaconf_cli.py", _three("optim.lr", "train.batch_size", "train.epochs"), "test_accuracy", "maximize", 2,
        ("the real omegaconf",),
    ),
    Case("flags.sh", _three("lr", "batch_size", "epochs"), "val_loss", "minimize", 5, ("sh", "awk", "seq")),
    Case("positions.sh", _three("lr", "batch_size", "epochs"), "val_error", "minimize", 1, ("sh", "awk")),
    Case("optparse.R", _three("lr", "batch_size", "epochs"), "val_rmse", "minimize", 5, ("Rscript",)),
)  # fmt: skip


def environment() -> dict[str, str]:
    """The environment of a script's run: ours, with this checkout and the stand-ins on the path."""
    source = HERE.parents[1] / "src"
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(source), str(STAND_INS)])}
