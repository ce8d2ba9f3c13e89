"""Stages: what turns settings into measurements and artifacts. `luthier.stages.check` checks one of your own."""
