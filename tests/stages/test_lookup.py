"""Large look-up tables travel beside a model, and come back where they were."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from luthier.stages.lookup import LARGE, tables_of, taken_out
from luthier.stages.model_file import Trust, model_from_bytes, model_to_bytes

rng = np.random.default_rng(0)
TEXTS = np.array(
    [" ".join(f"w{number}" for number in rng.integers(0, 3 * LARGE, 30)) for _ in range(200)], dtype=object
)
LABELS = rng.integers(0, 2, 200)


def union_pipeline() -> Pipeline:
    union = FeatureUnion(
        [("words", TfidfVectorizer()), ("pieces", TfidfVectorizer(analyzer="char", ngram_range=(4, 4)))]
    )
    return Pipeline([("represent", union), ("model", LogisticRegression())]).fit(TEXTS, LABELS)


def test_vocabularies_are_found_by_their_paths() -> None:
    paths = {path for path, _, _ in tables_of(union_pipeline())}
    assert ("steps", 0, 1, "transformer_list", 0, 1, "vocabulary_") in paths
    assert ("steps", 0, 1, "transformer_list", 1, 1, "vocabulary_") in paths


def test_the_model_is_whole_again_after_it_was_written() -> None:
    model = union_pipeline()
    before = model.predict_proba(TEXTS)
    with taken_out(model) as tables:
        assert len(tables) == 2
        assert not any(True for _ in tables_of(model))
    np.testing.assert_array_equal(model.predict_proba(TEXTS), before)


def test_a_read_model_predicts_what_the_written_one_did() -> None:
    model = union_pipeline()
    loaded, _ = model_from_bytes(model_to_bytes(model, {}, Trust()), Trust())
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_a_vectorizer_inside_a_column_transformer_is_found() -> None:
    frame = TEXTS.reshape(-1, 1)
    columns = ColumnTransformer([("text", TfidfVectorizer(), 0)])
    model = Pipeline([("columns", columns), ("model", LogisticRegression())]).fit(frame, LABELS)
    content = model_to_bytes(model, {}, Trust())
    loaded, _ = model_from_bytes(content, Trust())
    np.testing.assert_array_equal(loaded.predict_proba(frame), model.predict_proba(frame))


def test_small_tables_stay_in_the_model() -> None:
    model = TfidfVectorizer().fit(["a few words only", "and a few more"])
    assert not list(tables_of(model))
