"""Which of the numbers that a script says is the one to optimize, which way is better, and how a command finds it.

Validation comes before numbers that don't say what they are of, these before the test, and the test before training.
Among those of one kind, what people look at (accuracy, F1) comes before a loss, whose meaning other settings change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from luthier.core.errors import UnknownName, UsageError
from luthier.stages.adopt.found import Field, Line, Often

NUMBER = r"[-+\d.e]*\d|nan|inf"
"""What a number looks like; a diverged one is read too, since it must not pass for an earlier one."""
_REPR = r"(?:np\.float\d+\()?'?"
"""What may stand before a number that is shown as Python's repr does."""


@dataclass(frozen=True)
class Candidate:
    """A number that a line says, as a metric: its name and direction, and the pattern that finds it.

    `pattern` is None for a line of JSON, which has the name as a key. `split` is valid, test, train, or ''.
    """

    name: str
    direction: str
    line: Line
    pattern: str | None = None
    split: str = ""
    quantity: str = ""
    best: bool = False


_QUANTITIES: tuple[tuple[str, str, str], ...] = (
    ("f1", "maximize", r"f1|f1[ _-]?score|f[ _-]?measure|fscore"),
    ("roc_auc", "maximize", r"(roc[ _-]?)?auc|auroc|roc"),
    ("average_precision", "maximize", r"m?ap|average precision|auprc|pr auc"),
    ("bleu", "maximize", r"bleu|rouge\w*|meteor|chrf"),
    ("accuracy", "maximize", r"acc\w*|top ?1|em|exact match|correct"),
    ("iou", "maximize", r"m?iou|dice|jaccard"),
    ("r2", "maximize", r"r2|r\^2|r squared"),
    ("rmse", "minimize", r"rmse|root mean squared error"),
    ("mae", "minimize", r"mae|mean absolute error|mape|l1"),
    ("mse", "minimize", r"mse|mean squared error"),
    ("perplexity", "minimize", r"ppl|perplexity|bpb|bpc"),
    ("log_loss", "minimize", r"log ?loss|nll|cross entropy|ce|bce|binary logloss|multi logloss|mlogloss|crossentropy"),
    ("correlation", "maximize", r"spearman\w*|pearson\w*|corr\w*|mcc|kappa"),
    ("error", "minimize", r"err\w*|wer|cer"),
    ("score", "maximize", r"\w*score|reward|return|psnr|ssim|elo"),
    ("fid", "minimize", r"fid"),
    ("precision", "maximize", r"precision|recall|sensitivity|specificity"),
    ("loss", "minimize", r"\w*loss|cost|objective|elbo|deviance"),
)
_ORDER = {name: place for place, (name, _, _) in enumerate(_QUANTITIES)}
_SPLITS = (
    ("valid", re.compile(r"val|valid\w*|validate|dev|eval\w*|cv|cross|held|holdout|fold")),
    ("test", re.compile(r"test\w*")),
    ("train", re.compile(r"train\w*|tr|batch|running|iter")),
)
_NO_METRIC = re.compile(
    r"time|sec(onds?)?|elapsed|lr|rate|step|size|eta|params|parameters|speed|ms|best epoch|threshold|total"
)


def candidates(lines: Sequence[Line]) -> tuple[Candidate, ...]:
    """All numbers in `lines` that could be a metric, the one to optimize first."""
    found = [one for line in lines for one in _in_line(line, lines)]
    return tuple(sorted(found, key=_rank))


def named(name: str, lines: Sequence[Line]) -> Candidate:
    """The candidate that the user names: 'val_loss', or 'val_loss:minimize'.

    Where the script says no such number, it is taken for the key of a line of JSON, which takes a direction that is
    stated or known; raises UsageError otherwise.
    """
    plain, _, direction = name.partition(":")
    if direction not in ("", "minimize", "maximize"):
        raise UsageError(f"a metric's direction is 'minimize' or 'maximize'; got '{direction}'; write {plain}:minimize")
    known = candidates(lines)
    asked = _quantity(" ".join(_words(plain)))
    fits = [one for one in known if one.name == plain] or [
        one for one in known if asked and one.quantity == asked[0] and _split(plain) in ("", one.split)
    ]
    if fits:
        return replace(fits[0], direction=direction or fits[0].direction)
    quantity = _quantity(" ".join(_words(plain)))
    if not direction and quantity is None:
        heard = [one.name for one in known]
        raise UsageError(
            f"{UnknownName('metric of the script', plain, heard)}; if it prints lines of JSON with the key '{plain}', "
            f"say which way is better: --metric {plain}:minimize"
        )
    return Candidate(plain, direction or (quantity or ("", "maximize"))[1], Line((), keys=((plain, plain),)))


def _rank(one: Candidate) -> tuple[int, bool, int, int, int]:
    unsplit = 3 if one.quantity in ("loss", "error") and one.line.often is not Often.ONCE else 1
    split = {"valid": 0, "test": 2, "train": 4}.get(one.split, unsplit)
    often = {Often.EPOCH: 0, Often.ONCE: 1, Often.MANY: 2}[one.line.often]
    return split, one.best, _ORDER.get(one.quantity, 99), often, -one.line.number


def _in_line(line: Line, lines: Sequence[Line]) -> Iterator[Candidate]:
    if line.keys:
        for key, expression in line.keys:
            quantity = _quantity(" ".join(_words(key)))
            if quantity and not _is_other(key):
                split = _split(key, expression, line.where)
                yield Candidate(key, quantity[1], line, None, split, quantity[0], _is_best(key))
        return
    before = ""
    for place, part in enumerate(line.parts):
        if isinstance(part, str):
            before += part
            continue
        label = line.parts[place - 1] if place and isinstance(line.parts[place - 1], str) else ""
        candidate = _of_field(line, place, part, str(label), before)
        if candidate is not None and (pattern := _pattern(line, place, lines)) is not None:
            yield replace(candidate, pattern=pattern)
        before += " "


def _of_field(line: Line, place: int, part: Field, label: str, before: str) -> Candidate | None:
    if re.search(r"\.(format|join)\(", part.expression):  # a text that isn't known
        return None
    near = _words(re.split(r"[,|;()\[\]/]", label)[-1] if _words(label) else "")[-4:]
    expression = _words(part.expression)
    if _is_other(" ".join(near[-2:])) or (not near and _is_other(" ".join(expression[-1:]))):
        return None
    if near and (label.rstrip().endswith(("/", "of", "out of")) or not (label.strip(" ,|;("))):
        return None
    quantity = _quantity(" ".join(near)) or _quantity(" ".join(expression))
    if not quantity or (not near and label.strip().endswith("/")):
        return None
    split = _split(" ".join(near), part.expression, before, line.where)
    name = "_".join([*([{"valid": "val"}.get(split, split)] if split else []), quantity[0]])
    return Candidate(name, quantity[1], line, None, split, quantity[0], _is_best(" ".join([*near, *expression])))


def _quantity(text: str) -> tuple[str, str] | None:
    """The quantity that a text ends on, and its direction."""
    found: tuple[int, int, str, str] | None = None
    for name, direction, pattern in _QUANTITIES:
        for match in re.finditer(rf"(?:^|(?<= ))(?:{pattern})(?= |$)", text):
            here = (match.end(), match.end() - match.start(), name, direction)
            if found is None or here[:2] > found[:2]:
                found = here
    return None if found is None else (found[2], found[3])


def _split(*texts: str) -> str:
    """The split that the first of `texts` to name one names last."""
    for text in texts:
        for word in reversed(_words(text)):
            for split, pattern in _SPLITS:
                if pattern.fullmatch(word):
                    return split
    return ""


def _words(text: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [word for word in re.split(r"[^A-Za-z0-9^]+", parted.lower()) if word and not word.isdecimal()]


def _is_other(text: str) -> bool:
    words = " ".join(_words(text))
    return bool(words) and any(_NO_METRIC.fullmatch(word) for word in words.split()[-1:])


def _is_best(text: str) -> bool:
    return any(word in ("best", "max", "min", "highest", "lowest") for word in _words(text))


# -------------------------------------------------------------------------------------------------- pattern


def _pattern(line: Line, place: int, lines: Sequence[Line]) -> str | None:
    """The shortest pattern that finds this value in its line and in no other; None where there is none."""
    texts = _spoken(line)
    wanted = texts[1][place]
    others = [_spoken(other)[0] for other in lines if other is not line and other.parts and other.stream is line.stream]
    own = {_shape(line)}
    strangers = [text for text, other in zip(others, _others(line, lines), strict=True) if _shape(other) not in own]
    for pattern in _patterns(line, place):
        match = re.search(pattern, texts[0])
        if match and match.group(1) == wanted and not any(re.search(pattern, text) for text in strangers):
            return pattern
    return None


def _others(line: Line, lines: Sequence[Line]) -> list[Line]:
    return [other for other in lines if other is not line and other.parts and other.stream is line.stream]


def _shape(line: Line) -> tuple[str, ...]:
    return tuple(part if isinstance(part, str) else "\0" for part in line.parts)


def _patterns(line: Line, place: int) -> Iterator[str]:
    """Patterns for a value, from the text right before it to the whole line before it."""
    part = line.parts[place]
    assert isinstance(part, Field)
    number = f"{_REPR if part.quoted else ''}({NUMBER})"
    last = line.parts[place - 1] if place and isinstance(line.parts[place - 1], str) else ""
    label = re.split(r"[,|;]\s*", str(last))[-1] or str(last)
    if _words(label):
        yield _escaped(label.lstrip()) + number
        yield _escaped(str(last)) + number
    whole = "".join(_escaped(one) if isinstance(one, str) else ".*?" for one in line.parts[:place])
    whole = re.sub(r"^\.\*\?", "", whole)
    if _words(whole):
        yield whole + number
        yield f"^{whole.removeprefix('^')}{number}"
    after = line.parts[place + 1] if place + 1 < len(line.parts) else ""
    if len(line.parts) == 1:
        yield rf"^\s*{number}\s*$"
    elif isinstance(after, str) and _words(whole + after):
        end = "" if after.strip() else r"\s*$"
        yield f"^{whole.removeprefix('^')}{number}{_escaped(after)}{end}"


def _escaped(text: str) -> str:
    plain = re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text.lstrip("\t") if text.strip() else text)
    return re.sub(r"\s+", r"\\s+", plain) if re.search(r"\s\s|\t", plain) else plain


def _spoken(line: Line) -> tuple[str, dict[int, str]]:
    """The line with a number of its own for each value, and these numbers by place."""
    values = {place: f"{7000 + place}.25" for place, part in enumerate(line.parts) if isinstance(part, Field)}
    return "".join(part if isinstance(part, str) else values[place] for place, part in enumerate(line.parts)), values
