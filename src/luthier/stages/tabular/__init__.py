"""Models of tables with columns of mixed kinds: `classifier` and `regressor` make a scikit-learn pipeline of settings."""

from luthier.stages.tabular.pipeline import classifier as classifier
from luthier.stages.tabular.pipeline import regressor as regressor
