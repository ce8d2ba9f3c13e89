import numpy as np
import pytest

from luthier.stats import SequentialPairedTest, SequentialPlan, Spending, Verdict
from luthier.stats.sequential import Look


def run(plan, differences, looks, groups=None):
    test = SequentialPairedTest(plan)
    for rows in looks:
        test = test.look(differences[:rows], None if groups is None else groups[:rows])
        if test.verdict is not Verdict.CONTINUE:
            break
    return test


def changes(rng, n, wins, losses):
    u = rng.random(n)
    return (u < wins).astype(float) - ((u >= wins) & (u < wins + losses))


LOOKS = (100, 250, 400, 700, 1000)


@pytest.mark.parametrize("spending", Spending)
def test_false_claims_over_all_looks(spending):
    rng = np.random.default_rng(0)
    plan = SequentialPlan(1000, spending=spending)
    verdicts = [run(plan, changes(rng, 1000, 0.06, 0.06), LOOKS).verdict for _ in range(1200)]
    better, worse = (np.mean([v is side for v in verdicts]) for side in (Verdict.BETTER, Verdict.WORSE))
    assert better + worse <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1200)
    assert min(better, worse) >= 0.01


def test_looking_as_often_without_a_plan_would_claim_too_often():
    rng = np.random.default_rng(0)
    claims = []
    for _ in range(400):
        d = rng.normal(size=1000)
        claims.append(any(abs(d[:n].mean()) * np.sqrt(n) > 1.96 for n in LOOKS))
    assert np.mean(claims) > 0.09


def test_clear_gain_is_seen_early():
    rng = np.random.default_rng(0)
    tests = [run(SequentialPlan(1000), changes(rng, 1000, 0.15, 0.05), LOOKS) for _ in range(100)]
    assert np.mean([t.verdict is Verdict.BETTER for t in tests]) > 0.97
    assert np.mean([t.looks[-1].rows for t in tests]) < 500


def test_clear_loss_is_worse_for_a_two_sided_plan_only():
    differences = changes(np.random.default_rng(0), 1000, 0.02, 0.2)
    assert run(SequentialPlan(1000), differences, LOOKS).verdict is Verdict.WORSE
    assert run(SequentialPlan(1000, sided=1), differences, LOOKS).verdict is Verdict.UNDECIDED


def test_groups_are_not_mistaken_for_rows():
    rng = np.random.default_rng(0)
    groups = np.arange(1000) // 20
    plan = SequentialPlan(1000, spending=Spending.POCOCK)
    claims = {True: 0, False: 0}
    for _ in range(300):
        differences = rng.normal(size=50)[groups] + rng.normal(size=1000)
        for grouped in claims:
            verdict = run(plan, differences, (400, 700, 1000), groups if grouped else None).verdict
            claims[grouped] += verdict is not Verdict.UNDECIDED
    assert claims[True] <= 0.09 * 300
    assert claims[False] > 0.3 * 300


def test_giving_up_early_saves_rows_and_claims_no_more():
    rng = np.random.default_rng(0)
    null = [changes(rng, 1000, 0.06, 0.06) for _ in range(300)]
    patient, hasty = SequentialPlan(1000), SequentialPlan(1000, futility=0.1)
    claims = {Verdict.BETTER, Verdict.WORSE}
    long, short = [run(patient, d, LOOKS) for d in null], [run(hasty, d, LOOKS) for d in null]
    assert sum(t.verdict in claims for t in short) <= sum(t.verdict in claims for t in long)
    assert np.mean([t.looks[-1].rows for t in short]) < 0.6 * np.mean([t.looks[-1].rows for t in long])
    assert {t.verdict for t in short} >= {Verdict.FUTILE}


def test_conditional_power_agrees_with_simulation():
    """From z = 1.5 at half the information, drift as seen, the last boundary known."""
    plan = SequentialPlan(1000)
    test = SequentialPairedTest(plan)
    rng = np.random.default_rng(0)
    walk = 1.5 * np.sqrt(0.5)
    end = walk + walk + np.sqrt(0.5) * rng.normal(size=200_000)
    expected = np.mean(np.abs(end) > plan.boundaries([0.5, 1.0])[-1])
    assert test.conditional_power(Look(500, 1.5, 3.0)) == pytest.approx(expected, abs=0.004)


def test_all_rows_in_and_unclear_is_undecided():
    test = run(SequentialPlan(200), changes(np.random.default_rng(3), 200, 0.05, 0.05), (100, 200))
    assert test.verdict is Verdict.UNDECIDED
    assert [look.rows for look in test.looks] == [100, 200]


def test_misuse_is_refused():
    differences = changes(np.random.default_rng(0), 300, 0.05, 0.05)
    plan = SequentialPlan(300)
    test = SequentialPairedTest(plan).look(differences[:100])
    with pytest.raises(ValueError, match="differences must hold all rows so far, 100 and new ones, not 50 in all"):
        test.look(differences[:50])
    with pytest.raises(ValueError, match="verdict must still be open for another look, but it is UNDECIDED"):
        test.look(differences).look(differences)
    with pytest.raises(ValueError, match="max_rows must be at least 2, not 1"):
        SequentialPlan(1)
    with pytest.raises(ValueError, match=r"futility must be a probability in \[0, 1\), not 1"):
        SequentialPlan(10, futility=1)
