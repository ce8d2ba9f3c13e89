"""What well-known libraries print on a script's behalf: Keras' `fit`, transformers' `Trainer`, LightGBM's log."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from luthier.stages.adopt.found import Field, Line, Often
from luthier.stages.adopt.source import Source, keywords, last_name


def lines_of(source: Source) -> tuple[Line, ...]:
    """The lines that libraries are known to print when the script calls them as it does."""
    return (*_keras(source), *_trainer(source), *_lightgbm(source))


def _keras(source: Source) -> Iterator[Line]:
    """Keras ends each epoch's line with `- val_accuracy: 0.93 - val_loss: 0.2`, unless it is silent."""
    if not source.imports & {"keras", "tensorflow"}:
        return
    compiled = [name for call in source.calls("compile") for name in _metrics(source, keywords(call).get("metrics"))]
    for call in source.calls("fit"):
        given = keywords(call)
        if "epochs" not in given or source.worth(given.get("verbose")) == 0:
            continue
        split = "val_" if given.keys() & {"validation_data", "validation_split"} else ""
        early = "EarlyStopping" in source.text
        for name in ("loss", *compiled):
            parts = (" - ", f"{split}{name}: ", Field(f"{split}{name}"))
            yield Line(
                ("".join(parts[:2]), parts[2]), often=Often.EPOCH if split else Often.MANY, number=call.lineno,
                epochs="" if early else ast.unparse(given["epochs"]),
            )  # fmt: skip


def _metrics(source: Source, node: ast.expr | None) -> Iterator[str]:
    for one in node.elts if isinstance(node, ast.List | ast.Tuple) else ():
        name = source.text_of(one) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", last_name(one)).lower()
        yield {"acc": "accuracy", "sparse_categorical_accuracy": "sparse_categorical_accuracy"}.get(name, name)


def _trainer(source: Source) -> Iterator[Line]:
    """transformers prints `{'eval_loss': 0.5, ...}` at each evaluation."""
    if "transformers" not in source.imports:
        return
    for call in source.calls("Trainer", "Seq2SeqTrainer"):
        if "eval_dataset" in keywords(call):
            yield Line(("'eval_loss': ", Field("eval_loss", quoted=True)), number=call.lineno)


def _lightgbm(source: Source) -> Iterator[Line]:
    """LightGBM's `log_evaluation` prints `[10]  valid's binary_logloss: 0.3`; the metric's name is in its settings."""
    if "lightgbm" not in source.imports or not any(source.calls("log_evaluation")):
        return
    for match in re.finditer(r"[\"']?metric[\"']?\s*[:=]\s*[\"'](\w+)[\"']", source.text):
        number = source.text.count("\n", 0, match.start()) + 1
        yield Line((f"'s {match.group(1)}: ", Field(f"valid_{match.group(1)}")), often=Often.MANY, number=number)
