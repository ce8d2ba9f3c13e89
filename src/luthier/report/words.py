"""Numbers, times and settings as people read them. Knows nothing of studies."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from luthier.core.cost import MICROS_PER_USD
from luthier.core.parameter import Value

ABSENT = "none"
_SPACES = re.compile(r"\s+")


def duration(seconds: float) -> str:
    """Seconds >= 0 in the two largest units that matter: '0.3 s', '48 s', '2 min 05 s', '1 h 03 min', '2 d 4 h'."""
    if 0 < seconds < 0.95:
        return f"{max(seconds, 0.1):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def decimals_for(spread: float) -> int:
    """How many decimals show `spread` > 0 to two significant digits, within [0, 8]; 3 where it is 0 or not finite."""
    if not math.isfinite(spread) or spread <= 0:
        return 3
    return min(8, max(0, 1 - math.floor(math.log10(spread))))


def number(value: float, decimals: int) -> str:
    """`value` with `decimals` decimals and commas for thousands; never '-0.00'."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else str(value)
    text = f"{value:,.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def signed(value: float, decimals: int) -> str:
    """As `number`, with a '+' before what is above zero after rounding."""
    text = number(value, decimals)
    return "+" + text if value > 0 and text.strip("0.,") else text


def interval(low: float, high: float, decimals: int) -> str:
    """'+0.006 to +0.032'."""
    return f"{signed(low, decimals)} to {signed(high, decimals)}"


def probability(value: float) -> str:
    """A p-value: '0.03', '0.004', '< 0.001'."""
    if value < 0.001:
        return "< 0.001"
    return f"{value:.2g}" if value < 0.01 else f"{value:.2f}"


def dollars(micros: int) -> str:
    """'$1.25'; four decimals below ten cents."""
    usd = micros / MICROS_PER_USD
    return f"${usd:,.4f}" if 0 < usd < 0.1 else f"${usd:,.2f}"


def count(amount: int, noun: str) -> str:
    """'1 trial', '1,204 trials'."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def listing(names: Sequence[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c'."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def sentence(text: str) -> str:
    """`text` with a capital first letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def clean(text: str, limit: int = 200) -> str:
    """`text` on one line of at most `limit` characters, without anything that would steer a terminal."""
    flat = _SPACES.sub(" ", text).strip()
    safe = "".join(letter if letter.isprintable() else "?" for letter in flat)
    return safe if len(safe) <= limit else safe[: limit - 3].rstrip() + "..."


def setting(value: Value | None, limit: int = 40) -> str:
    """A setting's value: floats to four digits, lists in brackets, switches as 'on' and 'off'; None as 'none'."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple):
        return clean(f"[{', '.join(setting(part) for part in value)}]", limit)
    return clean(str(value), limit)
