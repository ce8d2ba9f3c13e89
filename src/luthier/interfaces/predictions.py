"""Predictions of new rows as a CSV text: the row's number, the value, and a probability for each class."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from luthier.core.contracts import Prediction
from luthier.core.dataset import Dataset


def predictions_as_csv(predict: Callable[[Dataset], Prediction], path: Path) -> str:
    """What `predict` says of the rows in the file at `path`, with a header, in the file's order."""
    from luthier.data.encoding import encoding_of
    from luthier.data.read import read_table

    rows = read_table(path, encoding=encoding_of(path))
    return to_csv(predict(rows))


def to_csv(prediction: Prediction) -> str:
    """Columns `row` (from 1), `prediction`, and `probability of CLASS` where the model has probabilities."""
    header = ["row", "prediction"]
    columns = [list(range(1, len(prediction.values) + 1)), prediction.values.tolist()]
    if prediction.probabilities is not None and prediction.classes is not None:
        header += [f"probability of {one}" for one in prediction.classes]
        columns += [[f"{share:.6g}" for share in column] for column in prediction.probabilities.T.tolist()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue()
