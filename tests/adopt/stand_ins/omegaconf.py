"""A stand-in for OmegaConf: nested configs by attribute."""


class DictConfig:
    def __init__(self, content):
        for key, value in content.items():
            setattr(self, key, DictConfig(value) if isinstance(value, dict) else value)


def assign(content, key, value):
    *parents, last = key.split(".")
    for parent in parents:
        content = content[parent]
    if last not in content:
        raise SystemExit(f"no key {key}")
    content[last] = value
