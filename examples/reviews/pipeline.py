"""Three levers on a classifier of film reviews, as two plain functions of a mapping of settings.

`clean` is the lever "data": it chooses which training rows to learn from. `build` is the other two: "representation"
(how a text becomes numbers) and "settings" (which linear model, how strongly regularized). With no settings at all
they give the usual first try: every row, TF-IDF of words, logistic regression.

Neither knows about folds, scores, films or budgets.
"""

import re
from collections.abc import Mapping

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import LinearSVC

Settings = Mapping[str, object]


def clean(frame: Mapping[str, np.ndarray], settings: Settings) -> np.ndarray:
    """The indexes, ascending, of the training rows to keep.

    `frame` holds the columns `text` and `label`, each of shape (rows,). Settings, all optional:

    - deduplicate: "off"; "exact" keeps the first of equal texts; "normalized" ignores case and punctuation too
    - min_words: drop texts of fewer words
    - balance: "undersample" drops the last rows of the larger labels until all labels are equally frequent
    """
    texts, labels = frame["text"], frame["label"]
    kept = np.arange(len(texts))

    deduplicate = settings.get("deduplicate", "off")
    if deduplicate != "off":
        keys = texts if deduplicate == "exact" else [re.sub(r"\W+", " ", text.casefold()).strip() for text in texts]
        kept = np.sort(np.unique(np.asarray(keys, dtype=str), return_index=True)[1])

    long_enough = [len(texts[row].split()) >= settings.get("min_words", 0) for row in kept]
    kept = kept[long_enough]

    if settings.get("balance", "off") == "undersample":
        rows_by_label = [kept[labels[kept] == label] for label in np.unique(labels[kept])]
        smallest = min(map(len, rows_by_label), default=0)
        kept = np.sort(np.concatenate([rows[:smallest] for rows in rows_by_label])) if smallest else kept
    return kept


def build(settings: Settings) -> Pipeline:
    """An unfitted classifier of texts: `fit(texts, labels)`, `predict(texts)`. Every setting is optional."""
    return Pipeline([("representation", representation(settings)), ("model", model(settings))])


def representation(settings: Settings) -> TfidfVectorizer | FeatureUnion:
    """How a text becomes numbers: TF-IDF of its words, of pieces of its words, or of both.

    - analyzer: "word"; "char" for pieces of words; "both" for the two side by side
    - word_ngrams: runs of up to so many words
    - char_length: pieces of exactly so many characters, within words
    - sublinear_tf: 1 + log(count) in place of the count
    - min_df: leave out terms that occur in fewer training texts
    """
    weights = {"sublinear_tf": settings.get("sublinear_tf", False), "min_df": settings.get("min_df", 1)}
    length = settings.get("char_length", 5)
    words = TfidfVectorizer(ngram_range=(1, settings.get("word_ngrams", 1)), **weights)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(length, length), **weights)
    match settings.get("analyzer", "word"):
        case "word":
            return words
        case "char":
            return pieces
        case _:
            return FeatureUnion([("words", words), ("pieces", pieces)])


def model(settings: Settings) -> ClassifierMixin:
    """A linear classifier.

    - model: "logistic", "svm", "ridge" or "naive_bayes"
    - C: inverse strength of regularization, of "logistic" and "svm"
    - alpha: strength of regularization of "ridge", additive smoothing of "naive_bayes"
    - class_weight: "balanced" makes rare labels weigh as much as frequent ones
    """
    C, alpha = settings.get("C", 1.0), settings.get("alpha", 1.0)
    weight = "balanced" if settings.get("class_weight", "none") == "balanced" else None
    match settings.get("model", "logistic"):
        case "logistic":
            return LogisticRegression(C=C, class_weight=weight, max_iter=1000)
        case "svm":
            return LinearSVC(C=C, class_weight=weight)
        case "ridge":
            return RidgeClassifier(alpha=alpha, class_weight=weight)
        case _:
            return MultinomialNB(alpha=alpha, fit_prior=weight is None)
