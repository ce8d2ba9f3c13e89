"""All configs of a finite space, where they are few."""

from __future__ import annotations

from luthier.core.config import Config
from luthier.core.parameter import Value
from luthier.core.space import Space


def all_configs(within: Space, limit: int) -> list[Config] | None:
    """Every config of `within`, or None where there are more than `limit` or infinitely many.

    Inactive settings multiply nothing. A Text counts its candidates alone.
    """
    partial: list[dict[str, Value]] = [{}]
    for name in within.order:
        values: list[Value] | None = None
        extended: list[dict[str, Value]] = []
        for config in partial:
            if not within.is_active(name, config):
                extended.append(config)
                continue
            if values is None:
                # A number with more values than the limit fills it, and so does one with infinitely many.
                values = [within.fixed[name]] if name in within.fixed else within.parameters[name].grid(limit + 1)
            if len(extended) + len(values) > limit:
                return None
            extended.extend({**config, name: value} for value in values)
        if len(extended) > limit:
            return None
        partial = extended
    return list(dict.fromkeys(within.config(config) for config in partial))
