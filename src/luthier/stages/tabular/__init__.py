"""Models of tables whose columns are of mixed kinds: `classifier` and `regressor` make a pipeline of settings."""

from luthier.stages.tabular.pipeline import classifier as classifier
from luthier.stages.tabular.pipeline import regressor as regressor
