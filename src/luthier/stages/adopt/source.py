"""The text of a Python script as a tree, with the little that can be known of it without running it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from luthier.core.errors import UsageError
from luthier.core.parameter import Scalar

UNKNOWN: Any = object()
"""What an expression is worth that can't be known."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A script: where it lies, its text, and its tree."""

    path: Path
    text: str
    tree: ast.Module

    @cached_property
    def constants(self) -> Mapping[str, Any]:
        """The values of names that the module gives one once."""
        stores = Counter(n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        found: dict[str, Any] = {}
        for statement in self.tree.body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target, value = statement.targets[0], statement.value
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                target, value = statement.target, statement.value
            else:
                continue
            if isinstance(target, ast.Name) and stores[target.id] == 1:
                worth = worth_of(value, found)
                if worth is not UNKNOWN:
                    found[target.id] = worth
        return found

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """All functions and methods by name; of several with one name, the last."""
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, Function)}

    @cached_property
    def classes(self) -> Mapping[str, ast.ClassDef]:
        """All classes by name."""
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)}

    @cached_property
    def imports(self) -> frozenset[str]:
        """The top-level packages that are imported anywhere in it."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
        return frozenset(found)

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """The calls of what is called one of `names`, with or without something and a dot before it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and called(node) in names:
                yield node

    def worth(self, node: ast.AST | None) -> Any:
        """What `node` is worth, or UNKNOWN."""
        return worth_of(node, self.constants)

    def scalar(self, node: ast.AST | None) -> Scalar:
        """What `node` is worth, where that is a scalar, else None."""
        worth = self.worth(node)
        return worth if isinstance(worth, bool | int | float | str) else None

    def text_of(self, node: ast.AST | None) -> str:
        """What `node` is worth, where that is a text, else ''."""
        worth = self.worth(node)
        return worth if isinstance(worth, str) else ""


def read(path: Path) -> Source:
    """The script at `path`; raises UsageError where it isn't Python that can be parsed."""
    text = text_at(path)
    try:
        return Source(path, text, ast.parse(text, filename=str(path)))
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UsageError(f"'{path}'{line} isn't Python that can be parsed: {error.args[0]}; correct it first") from None


def text_at(path: Path) -> str:
    """The text of the script at `path`; raises UsageError where it can't be read."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"there is no script '{path}'; check the path") from None
    except UnicodeDecodeError:
        raise UsageError(f"'{path}' isn't UTF-8 text; name a script, or save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"'{path}' can't be read: {error.strerror}; name a script") from None


def neighbors(source: Source) -> Iterator[Source]:
    """The scripts beside `source` that it imports; those that can't be parsed are passed over."""
    names: dict[str, None] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names |= dict.fromkeys(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names |= dict.fromkeys([node.module or "", *(f"{node.module or ''}.{a.name}" for a in node.names)])
    for name in names:
        path = source.path.parent.joinpath(*name.strip(".").split(".")).with_suffix(".py")
        if name.strip(".") and path.is_file() and path != source.path:
            try:
                yield read(path)
            except UsageError:
                continue


def called(call: ast.Call) -> str:
    """The name of what is called: `add_argument` of `parser.add_argument(...)`."""
    return last_name(call.func)


def last_name(node: ast.AST | None) -> str:
    """The last part of a dotted name; of a call, that of what is called; '' of anything else."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    """The keyword arguments of a call."""
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def worth_of(node: ast.AST | None, names: Mapping[str, Any]) -> Any:
    """What an expression of literals and known `names` is worth, or UNKNOWN. Nothing is run."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        items = [worth_of(item, names) for item in node.elts]
        return UNKNOWN if any(item is UNKNOWN for item in items) else tuple(items)
    if isinstance(node, ast.Dict):
        keys = [worth_of(key, names) for key in node.keys]
        return {key: worth_of(value, names) for key, value in zip(keys, node.values, strict=True) if _is_key(key)}
    if isinstance(node, ast.Subscript):
        whole, key = worth_of(node.value, names), worth_of(node.slice, names)
        return whole.get(key, UNKNOWN) if isinstance(whole, dict) and _is_key(key) else UNKNOWN
    if isinstance(node, ast.Call) and last_name(node.func) in ("list", "tuple", "sorted") and len(node.args) == 1:
        inner = worth_of(node.args[0], names)
        return tuple(inner) if isinstance(inner, tuple | dict) else UNKNOWN
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys":
        inner = worth_of(node.func.value, names)
        return tuple(inner) if isinstance(inner, dict) else UNKNOWN
    return _number(node, names)


def _number(node: ast.AST | None, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = worth_of(node.operand, names)
        if not isinstance(inner, int | float):
            return UNKNOWN
        return -inner if isinstance(node.op, ast.USub) else inner
    if not isinstance(node, ast.BinOp):
        return UNKNOWN
    left, right = worth_of(node.left, names), worth_of(node.right, names)
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        return UNKNOWN
    if isinstance(node.op, ast.Pow):
        return left**right if abs(left) <= 1000 and abs(right) <= 100 and (left or right >= 0) else UNKNOWN
    if isinstance(node.op, ast.Div | ast.FloorDiv):
        if not right:
            return UNKNOWN
        return left / right if isinstance(node.op, ast.Div) else left // right
    if isinstance(node.op, ast.Mult):
        return left * right
    if isinstance(node.op, ast.Add):
        return left + right
    return left - right if isinstance(node.op, ast.Sub) else UNKNOWN


def _is_key(worth: Any) -> bool:
    return isinstance(worth, str | int | float | bool)
