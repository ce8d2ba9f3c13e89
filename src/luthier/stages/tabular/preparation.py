"""From a DataFrame of mixed columns to the matrix that a model takes: the lever `preparation`.

Trees get a dense matrix in which missing numbers may stay missing; a linear model gets scaled numbers without gaps,
and a sparse matrix where texts or categories make it a wide one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectPercentile
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)

from luthier.stages.tabular import frames

Settings = Mapping[str, Any]

MOST_CATEGORIES = 100
"""Of one column, so that a column of many rare values doesn't make thousands of columns."""
MOST_TERMS = 50_000
"""Of all texts: the most frequent ones."""
BINS = 8
"""Ranges of a number, each with as many rows, that a linear model may weigh one by one."""
TEXT_NUMBERS = 64
"""So many numbers stand for a text where the model takes no sparse matrix."""


def preparation(settings: Settings, *, linear: bool, score: Any) -> Pipeline:
    """The steps before the model. `score` (f_classif or f_regression) ranks columns where not all are kept.

    Every setting is optional: numbers, missing, categories, rare, dates, text, ngrams, min_df, keep. What they mean
    is told in `luthier.stages.tabular.levers`.
    """
    keep = settings.get("keep", 1.0)
    gaps = not linear and settings.get("missing", "auto") == "auto" and keep == 1.0
    columns = ColumnTransformer(
        [
            ("numbers", _numbers(settings, linear, gaps), frames.numbers_of),
            ("categories", _categories(settings, linear), frames.categories_of),
            ("dates", _dates(settings, linear, gaps), frames.dates_of),
            ("texts", _texts(settings, linear), frames.texts_of),
        ],
        sparse_threshold=0.3 if linear else 0.0,
    )
    if keep == 1.0:
        return Pipeline([("columns", columns)])
    return Pipeline([("columns", columns), ("keep", SelectPercentile(score, percentile=100 * keep))])


def _numbers(settings: Settings, linear: bool, gaps: bool) -> Pipeline:
    steps: list[Any] = [FunctionTransformer(frames.as_numbers)]
    if not gaps:
        flag = settings.get("missing", "auto") == "median_and_flag"
        steps.append(SimpleImputer(strategy="median", add_indicator=flag, keep_empty_features=True))
    if linear:
        steps += _scaled(settings)
    return make_pipeline(*steps)


def _scaled(settings: Settings) -> list[Any]:
    match settings.get("numbers", "standard"):
        case "quantile":
            return [QuantileTransformer(n_quantiles=200, output_distribution="normal")]
        case "bins":
            return [KBinsDiscretizer(BINS, encode="onehot-dense", quantile_method="averaged_inverted_cdf")]
        case _:
            return [StandardScaler()]


def _categories(settings: Settings, linear: bool) -> Pipeline:
    encoded: list[Any]
    match settings.get("categories", "one_hot"):
        case "target":
            encoded = [TargetEncoder()]
        case "ordinal":
            encoded = [
                OrdinalEncoder(
                    handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=settings.get("rare", 1)
                )
            ]
        case _:
            encoder = OneHotEncoder(
                handle_unknown="infrequent_if_exist",
                min_frequency=settings.get("rare", 1),
                max_categories=MOST_CATEGORIES,
                sparse_output=linear,
            )
            return make_pipeline(FunctionTransformer(frames.as_categories), encoder)
    return make_pipeline(FunctionTransformer(frames.as_categories), *encoded, *([StandardScaler()] if linear else []))


def _dates(settings: Settings, linear: bool, gaps: bool) -> Pipeline:
    parts = settings.get("dates", "parts") == "parts"
    steps: list[Any] = [FunctionTransformer(frames.as_date_parts if parts else frames.as_days)]
    if not gaps:
        steps.append(SimpleImputer(strategy="median", keep_empty_features=True))
    return make_pipeline(*steps, *([StandardScaler()] if linear else []))


def _texts(settings: Settings, linear: bool) -> Pipeline:
    weights: dict[str, Any] = {
        "sublinear_tf": True,
        "min_df": settings.get("min_df", 1),
        "max_features": MOST_TERMS,
    }
    words = TfidfVectorizer(ngram_range=(1, settings.get("ngrams", 1)), **weights)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **weights)
    terms: Any
    match settings.get("text", "words"):
        case "words":
            terms = words
        case "pieces":
            terms = pieces
        case _:
            terms = FeatureUnion([("words", words), ("pieces", pieces)])
    shorter = [] if linear else [frames.Shortened(TEXT_NUMBERS)]
    return make_pipeline(FunctionTransformer(frames.as_one_text), terms, *shorter)
