"""The verdict holds what it says: its intervals cover the truth, and without a gain it claims none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from luthier.core.verdict import Gain
from tests.study.simulated import Simulated, study_of

STUDIES = 1000


def no_gain(settings: Mapping[str, Any]) -> float:
    return 0.75


def some_gain(settings: Mapping[str, Any]) -> float:
    return 0.72 + 0.02 * settings["a"] + 0.03 * settings["b"] - 0.002 * abs(settings["c"] - 5)


def covers(gain: Gain, truth: float) -> bool:
    return gain.low <= truth <= gain.high


@pytest.mark.prove
def test_intervals_cover_the_true_gain_and_optimism_is_seen() -> None:
    covered: list[bool] = []
    by_lever: list[bool] = []
    optimism = 0.0
    for seed in range(STUDIES):
        study = study_of(Simulated(some_gain, seed), seed=seed)
        verdict = study.run().concluded.verdict
        members = study.history.final_set.members
        truth = {role: some_gain(config.by_setting()) for role, config in members.items()}
        optimism += verdict.optimism / STUDIES
        if members["winner"] != members["baseline"]:
            covered.append(covers(verdict.overall, truth["winner"] - truth["baseline"]))
        changed = [gain for gain in verdict.by_lever if f"without {gain.against}" in truth]
        by_lever += [covers(gain, truth["winner"] - truth[f"without {gain.against}"]) for gain in changed]
    print(f"overall {sum(covered) / len(covered):.3f} of {len(covered)}; optimism {optimism:+.4f}")
    print(f"by lever {sum(by_lever) / len(by_lever):.3f} of {len(by_lever)}")
    assert 0.93 <= sum(covered) / len(covered) <= 0.97
    assert 0.93 <= sum(by_lever) / len(by_lever) <= 0.97


@pytest.mark.prove
def test_without_a_gain_none_is_claimed() -> None:
    claims = levers = 0
    for seed in range(STUDIES):
        verdict = study_of(Simulated(no_gain, seed), seed=seed).run().concluded.verdict
        claims += verdict.overall.is_significant
        levers += any(gain.is_significant for gain in verdict.by_lever)
    print(f"a gain claimed in {claims} of {STUDIES} studies, by some lever in {levers}")
    assert claims <= 0.05 * STUDIES
    assert levers <= 0.05 * STUDIES
