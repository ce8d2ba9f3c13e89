"""An Optuna study with luthier's searcher in it, kept as a luthier study: see `luthier show wine` afterwards."""

import optuna
from sklearn.datasets import load_wine
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from luthier.integrations.optuna import LuthierSampler, study_from_optuna

X, y = load_wine(return_X_y=True)


def accuracy(trial: optuna.Trial) -> float:
    if trial.suggest_categorical("kind", ["svm", "trees"]) == "svm":
        C = trial.suggest_float("C", 1e-3, 1e3, log=True)
        model = make_pipeline(StandardScaler(), SVC(C=C, gamma=trial.suggest_float("gamma", 1e-4, 1e1, log=True)))
    else:
        model = ExtraTreesClassifier(20, max_depth=trial.suggest_int("depth", 1, 8), random_state=0)
    return cross_val_score(model, X, y, cv=3).mean()


study = optuna.create_study(study_name="wine", direction="maximize", sampler=LuthierSampler(seed=0))
study.optimize(accuracy, n_trials=20)
study_from_optuna(study, metric="accuracy")
