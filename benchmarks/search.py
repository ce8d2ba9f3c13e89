"""luthier's searchers beside their peers, on 44 problems: does a trial go further, and what does an ask cost?

    make bench-env PEER=search                # the environment that this script runs in
    python=.bench/search/bin/python
    $python benchmarks/search.py --data ../shared/data                                  # the default searcher
    $python benchmarks/search.py --data ../shared/data --problems 'sklearn/*' --seeds 1   # a quick look
    $python benchmarks/search.py --data ../shared/data --workers 16 --scaling --out search.json
    $python benchmarks/search.py --data ../shared/data --run-peers                      # continue the peers' runs

**Problems** (`searching/problems.py`): two surrogates of YAHPO Gym, four kinds of tables in which every config was
trained, recorded runs of TaskSet, and five scikit-learn searches trained for real. Values are minimized.
**Regret** is (incumbent - best known) / (random median - best known). The incumbent is the config with the best
*observed* value, and what counts is its *truth*, without noise. Best known is the best entry of a table, or else
the best of random points (20,000; 1,000 where training is real) and of all runs that are compared: climbing a
surrogate finds artefacts, so an optimizer of its own would be no yardstick. Geometric means are floored at 1e-4.
Where a side itself sets the best known value, its regret there is 0 and counts as the floor, so ratios of regret
look large; counts of wins and mean regrets don't depend on that, and should be read first.

**Peers** (`searching/peers/`), each as its own users would run it, at its defaults, in an environment of its own:

    random    Optuna's RandomSampler
    tpe       Optuna's TPESampler, multivariate as it is by default since version 5
    gp        Optuna's GPSampler
    smac      SMAC3's HyperparameterOptimizationFacade, deterministic=True
    hebo, ax  HEBO and Ax's Client; dear, so 6 problems of different families, 3 seeds, 50 evaluations

Their runs are kept in `traces/`, so this script runs luthier alone; `--run-peers` continues them, one process at a
time, and may be stopped and started again at will. Everyone has one thread, the same seeds, 100 evaluations one
after the other, and sees the same noise. CPU seconds are those of the process that proposes, in asking and in
telling, means over the last 20 asks of a run; those of kept runs were taken on the machine that made them.

**Left out**, and where sides differ:
- instances of the surrogates that are kept for a later judgement, and rbv2_xgboost 40499, an artefact near error 0.
  Smaller artefacts remain: 28, 181, 182 and 1220 have a few dart configs with an error of 0. Their regrets say
  who finds those.
- A failed training is told as NaN (luthier), TrialState.FAIL (Optuna), failed (Ax), crashed at the worst cost so far
  (SMAC: its default, infinity, breaks its forest), the worst value so far (HEBO: it has no word for failures).
- HEBO knows no conditions and searches all settings; Ax's conditions form a tree, see `searching/peers/`.
- What a run that broke would have come to; `--run-peers` names each one.

**Tests** are two-sided sign-flip permutations of the differences in log regret over (problem, seed) pairs that both
sides have; over all families at once the signs of a problem flip together. Holm's adjustment is over the families
and their sum, for each peer by itself.
"""

from __future__ import annotations

from searching.command import main

if __name__ == "__main__":
    main()
