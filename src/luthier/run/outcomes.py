"""Per-example outcomes as the content of an artifact: what a measurement's `examples` address leads to."""

from __future__ import annotations

import json

from luthier.core.trial import Examples


def outcomes_to_bytes(examples: Examples) -> bytes:
    """JSON in UTF-8: {"ids": [...], "scores": [...]}, as in an event."""
    return json.dumps({"ids": examples.ids, "scores": examples.scores}, ensure_ascii=False).encode()


def outcomes_from_bytes(content: bytes) -> Examples:
    """The inverse of `outcomes_to_bytes`."""
    fields = json.loads(content)
    return Examples(tuple(fields["ids"]), tuple(fields["scores"]))
