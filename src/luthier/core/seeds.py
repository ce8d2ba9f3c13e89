"""Seeds that follow from one seed, keyed by what they are for, and fingerprints of what was computed from what."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A seed in [0, 2**31) for `purpose`; equal arguments give equal seeds on every machine."""
    text = repr((seed, *purpose)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1


def fingerprint(*parts: Any) -> str:
    """16 hex digits of plain JSON values: equal parts give equal ones on every machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
