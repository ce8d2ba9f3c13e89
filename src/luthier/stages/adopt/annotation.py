"""What a type annotation says of a setting: its kind, and the values that it may take."""

from __future__ import annotations

import ast

from luthier.core.parameter import Scalar
from luthier.stages.adopt.found import Kind
from luthier.stages.adopt.source import Source, last_name, worth_of

_KINDS = {"float": Kind.FLOAT, "int": Kind.INT, "bool": Kind.SWITCH, "str": Kind.TEXT, "Path": Kind.TEXT}


def kind_and_choices(source: Source, annotation: ast.expr | None) -> tuple[Kind, tuple[Scalar, ...]]:
    """The kind and the choices of `float`, `Optional[float]`, `float | None`, `Literal["a", "b"]`, or an enum."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return Kind.UNKNOWN, ()
    if isinstance(annotation, ast.BinOp):  # float | None
        return kind_and_choices(source, annotation.left)
    if isinstance(annotation, ast.Subscript):
        if last_name(annotation.value) in ("Optional", "Final", "ClassVar", "Annotated", "Union"):
            inner = annotation.slice
            return kind_and_choices(source, inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
        if last_name(annotation.value) == "Literal":
            inner = annotation.slice
            worth = worth_of(inner if isinstance(inner, ast.Tuple) else ast.Tuple([inner]), {})
            return Kind.TEXT, worth if isinstance(worth, tuple) else ()
        return Kind.TEXT, ()
    name = last_name(annotation)
    if name in source.classes and any("Enum" in last_name(base) for base in source.classes[name].bases):
        body = source.classes[name].body
        return Kind.TEXT, tuple(
            text for one in body if isinstance(one, ast.Assign) and (text := source.text_of(one.value))
        )
    return _KINDS.get(name, Kind.UNKNOWN), ()
