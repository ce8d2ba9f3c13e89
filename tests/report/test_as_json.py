"""The report as JSON."""

import json
import math

import pytest
from tests.report import histories

from luthier.core.verdict import Verdict
from luthier.report.as_json import report_json

KEYS = {
    "format", "metric", "evidence", "is_running", "budget", "scores", "levers", "others", "total", "search", "winner",
    "verdict", "advice",
}  # fmt: skip
LEVER_KEYS = {
    "name", "trials", "failed", "wall_seconds", "worker_seconds", "calls", "tokens", "usd_micros", "outcome", "gain",
    "gain_per_minute", "tested", "validation_gain", "changes",
}  # fmt: skip


@pytest.mark.parametrize("tell", histories.STUDIES)
def test_keys_are_stable_and_values_are_plain(tell) -> None:
    report = report_json(tell())
    assert set(report) == KEYS
    assert all(set(lever) == LEVER_KEYS for lever in report["levers"])
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_numbers_of_the_demo() -> None:
    report = report_json(histories.demo())
    representation = next(one for one in report["levers"] if one["name"] == "representation")
    assert representation["tested"]["p_adjusted"] == 0.003
    assert representation["changes"][0] == {"setting": "ngrams", "before": 1, "after": 2}
    assert report["scores"]["gain"]["low"] == 0.0131
    assert report["scores"]["is_significant"]
    assert report["winner"]["config"]["settings.C"] == pytest.approx(4.6)
    assert Verdict.from_json(report["verdict"]).rows == 1066


def test_what_is_not_finite_becomes_null() -> None:
    tale = histories.Tale().start(0.5)
    tale.trial(0.6, levers=["data"], data__min_words=2)
    found = histories.verdict(histories.gain("baseline", 0.1, -math.inf, math.inf, math.nan))
    report = report_json(tale.best(1, 0.6).freeze(1).conclude(1, found).history())
    assert report["scores"]["gain"]["high"] is None
    assert report["scores"]["gain"]["p_value"] is None
