"""A stand-in for Hydra: one config, its defaults list, and overrides `key=value`; relative to the script."""

import functools
import sys
from pathlib import Path

from omegaconf import DictConfig, assign
from ruamel.yaml import YAML


def main(version_base=None, config_path=".", config_name="config"):
    def around(function):
        @functools.wraps(function)
        def run():
            root = Path(sys.argv[0]).resolve().parent / config_path
            reader = YAML(typ="safe", pure=True)
            content = reader.load((root / f"{config_name}.yaml").read_text())
            for entry in content.pop("defaults", []):
                if isinstance(entry, dict):
                    for group, name in entry.items():
                        content[group] = reader.load((root / group / f"{name}.yaml").read_text())
            for override in sys.argv[1:]:
                key, _, text = override.partition("=")
                if not key.startswith("hydra."):
                    assign(content, key, reader.load(text))
            return function(DictConfig(content))

        return run

    return around
