"""The literals of a Python script that are settings, and the script's tree with other values in their place.

An address says where a literal stands, and must stand for one only:

    LEARNING_RATE               LEARNING_RATE = 1e-3            (also inside a function)
    config.optimizer.lr         config = {"optimizer": {"lr": 1e-3}}, or dict(optimizer=dict(lr=1e-3))
    CFG.lr                      class CFG: lr = 1e-3
    SGDClassifier.alpha         SGDClassifier(alpha=1e-3)
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from luthier.core.errors import UsageError, nearest_listed

Plain = bool | int | float | str | None


@dataclass(frozen=True)
class Literal:
    """A literal: where it stands, what it is, and whether it is the keyword of a call."""

    address: str
    value: Plain
    line: int
    node: ast.expr
    keyword: bool = False


def literals_of(tree: ast.Module) -> dict[str, Literal]:
    """The literals of a script by address; an address that stands for several is left out."""
    found = list(_all(tree))
    count = Counter(one.address for one in found)
    assigned = Counter(_assigned_names(tree))
    return {
        one.address: one
        for one in found
        if count[one.address] == 1 and ("." in one.address or assigned[one.address] == 1)
    }


def with_values(tree: ast.Module, texts: Mapping[str, str]) -> ast.Module:
    """`tree`, changed in place so that the literals at the addresses hold what `texts` say.

    Raises UsageError for an address that isn't there or a text that isn't of the literal's kind.
    """
    known = literals_of(tree)
    new: dict[int, ast.expr] = {}
    for address, text in texts.items():
        if address not in known:
            raise UsageError(
                f"the script has no single literal at '{address}'; it has: {nearest_listed(address, known)}"
            )
        literal = known[address]
        new[id(literal.node)] = ast.copy_location(ast.Constant(_read(text, literal)), literal.node)
    return ast.fix_missing_locations(_Replace(new).visit(tree))


class _Replace(ast.NodeTransformer):
    def __init__(self, new: Mapping[int, ast.expr]) -> None:
        self._new = new

    def visit(self, node: ast.AST) -> Any:
        return self._new.get(id(node)) or self.generic_visit(node)


def _read(text: str, literal: Literal) -> Plain:
    """The value that `text` says, in the kind that the literal has."""
    if isinstance(literal.value, str):
        return text
    words: dict[str, Plain] = {"true": True, "false": False, "null": None, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        number = float(text)
    except ValueError:
        if literal.value is None:
            return text
        raise UsageError(
            f"'{literal.address}' is {literal.value!r} in the script, so it takes a number; got '{text}'"
        ) from None
    whole = number == number // 1 and not isinstance(literal.value, float)
    return int(number) if whole else number


def constant(node: ast.AST | None) -> tuple[bool, Plain]:
    """Whether `node` is a plain literal such as -1e-3 or "sgd", and which."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str | None):
        return True, node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        is_plain, value = constant(node.operand)
        if is_plain and isinstance(value, int | float) and not isinstance(value, bool):
            return True, -value
    return False, None


def _all(tree: ast.Module) -> Iterator[Literal]:
    owners = {
        id(statement): f"{node.name}."
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target, value = _assignment(node)
            if target and value is not None:
                yield from _under(owners.get(id(node), "") + target, value)
        elif isinstance(node, ast.Call) and (called := _called(node)) not in ("", "dict"):
            for keyword in node.keywords:
                is_plain, value = constant(keyword.value)
                if keyword.arg and is_plain:
                    yield Literal(f"{called}.{keyword.arg}", value, keyword.value.lineno, keyword.value, keyword=True)


def _under(address: str, node: ast.expr) -> Iterator[Literal]:
    is_plain, value = constant(node)
    if is_plain:
        yield Literal(address, value, node.lineno, node)
    elif isinstance(node, ast.Dict):
        for key, inner in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield from _under(f"{address}.{key.value}", inner)
    elif isinstance(node, ast.Call) and _called(node) in ("dict", "SimpleNamespace", "Namespace", "ConfigDict"):
        for keyword in node.keywords:
            if keyword.arg:
                yield from _under(f"{address}.{keyword.arg}", keyword.value)


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, statement.value
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id, statement.value
    return "", None


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _assigned_names(tree: ast.Module) -> Iterator[str]:
    """Every name that is given a value, once for each time."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
