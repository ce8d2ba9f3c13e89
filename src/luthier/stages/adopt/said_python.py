"""What a Python script says: `print`, logging, progress bars, JSON, with f-strings, `%`, `.format` and `json.dumps`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from luthier.stages.adopt.found import Field, Line, Often, Stream
from luthier.stages.adopt.source import Function, Source, called, keywords, last_name

_LOGGED = ("info", "warning", "error", "critical", "success")
_ECHOED = ("echo", "secho", "write", "print", "rprint", "pprint")
_SHOWN = ("set_postfix", "set_postfix_str", "set_description", "set_description_str")
_EPOCH = re.compile(r"epoch|^ep?$|round|^it(er(ation)?)?$|^step$|^i$|^t$", re.IGNORECASE)
_HARMLESS = re.compile(r"rank|master|main_process|verbose|quiet|local|is_main|silent|__name__", re.IGNORECASE)

Part = str | Field


@dataclass(frozen=True)
class _Place:
    """Where a statement stands: its function, and the loops and conditions around it inside that function."""

    function: str = ""
    loops: tuple[ast.For | ast.While, ...] = ()
    maybe: bool = False


def lines_of(source: Source) -> tuple[Line, ...]:
    """All lines that the script may say, in the order of the text, with how often it says them."""
    placed = dict(_placed(source.tree))
    reader = _Reader(source, placed)
    found = [line for call in placed for line in reader.said(call)]
    return tuple(sorted(found, key=lambda line: line.number))


def _placed(tree: ast.Module) -> Iterator[tuple[ast.Call, _Place]]:
    def walk(node: ast.AST, place: _Place) -> Iterator[tuple[ast.Call, _Place]]:
        if isinstance(node, Function):
            place = _Place(node.name)
        elif isinstance(node, ast.For | ast.While):
            head = node.iter if isinstance(node, ast.For) else node.test
            yield from walk(head, place)
            inside = replace(place, loops=(*place.loops, node))
            for child in node.body:
                yield from walk(child, inside)
            for child in node.orelse:
                yield from walk(child, replace(place, maybe=True))
            return
        elif isinstance(node, ast.If) and not _HARMLESS.search(ast.unparse(node.test)):
            place = replace(place, maybe=True)
        if isinstance(node, ast.Call):
            yield node, place
        for child in ast.iter_child_nodes(node):
            yield from walk(child, place)

    yield from walk(tree, _Place())


class _Reader:
    def __init__(self, source: Source, placed: dict[ast.Call, _Place]) -> None:
        self._source = source
        self._placed = placed
        self._assigned = _assigned(source.tree)
        self._relays = {
            name
            for name, function in source.functions.items()
            if re.search(r"log|print|say|report|info", name) and _relays(function)
        }
        text = source.text
        logs_to_file = re.search(r"basicConfig\([^)]*filename", text) and "StreamHandler" not in text
        self._logs = bool(re.search(r"basicConfig|setLevel|StreamHandler|dictConfig|loguru|absl|set_verbosity", text))
        self._logs = self._logs and not logs_to_file
        self._log_stream = (
            Stream.OUT if re.search(r"(StreamHandler\(|stream\s*=\s*)sys\.stdout", text) else Stream.ERROR
        )

    def said(self, call: ast.Call) -> Iterator[Line]:
        message = self._message(call)
        if message is None:
            return
        parts, stream, keys = message
        place = self._placed[call]
        often, epochs = self._often(place)
        if called(call) in _SHOWN:  # a bar is drawn again and again
            often = Often.MANY
        for one in _one_by_one(parts):
            if keys or any(isinstance(part, Field) for part in one):
                yield Line(one, stream, often, place.function, call.lineno, keys, epochs)

    def _message(self, call: ast.Call) -> tuple[tuple[Part, ...], Stream, tuple[tuple[str, str], ...]] | None:
        name, given = called(call), keywords(call)
        owner = last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        function = self._placed[call].function
        to_error = "stderr" in ast.unparse(given["file"]) if "file" in given else False
        stream = Stream.ERROR if to_error or self._source.worth(given.get("err")) is True else Stream.OUT
        if name == "print" or (name in _ECHOED and owner not in ("f", "file", "fh", "writer", "log_file", "fp", "out")):
            if name == "write" and owner not in ("stdout", "stderr", "tqdm", "pbar", "bar", "progress"):
                return None
            stream = Stream.ERROR if owner == "stderr" else stream
            separator = self._source.text_of(given.get("sep")) if "sep" in given else " "
            keys = self._keys(call.args[0], function) if len(call.args) == 1 else ()
            return _joined([self._parts(one, function) for one in call.args], separator), stream, keys
        if name in self._relays and call.args:
            return self._parts(call.args[0], function), stream, self._keys(call.args[0], function)
        if name in _LOGGED and re.search(r"log", owner, re.IGNORECASE) and call.args and self._logs:
            first = call.args[0]
            if len(call.args) > 1 and (text := self._source.text_of(first)):
                return self._percent(text, list(call.args[1:]), function), self._log_stream, ()
            return self._parts(first, function), self._log_stream, self._keys(first, function)
        if name in _SHOWN:
            if name.startswith("set_postfix") and not name.endswith("str"):
                return self._postfix(call), Stream.ERROR, ()
            return (self._parts(call.args[0], function) if call.args else ()), Stream.ERROR, ()
        return None

    # ------------------------------------------------------------------------------------------------ how often

    def _often(self, place: _Place, depth: int = 0) -> tuple[Often, str]:
        """How often a place is reached, and what bounds the epochs around it."""
        if len(place.loops) > 1 or (place.loops and not _is_epochs(place.loops[-1])):
            outer = place.loops[0]
            return (Often.MANY, _bound(outer)) if _is_epochs(outer) else (Often.MANY, "")
        if place.loops:
            return (Often.ONCE, _bound(place.loops[0])) if place.maybe else (Often.EPOCH, _bound(place.loops[0]))
        if not place.function or depth > 3:
            return Often.ONCE, ""
        callers = [where for call, where in self._placed.items() if called(call) == place.function]
        reached = [self._often(where, depth + 1) for where in callers if where.function != place.function]
        if len(reached) == 1 and not place.maybe:
            return reached[0]
        return (Often.MANY if any(often is Often.MANY for often, _ in reached) else Often.ONCE), ""

    # ------------------------------------------------------------------------------------------------- what it says

    def _parts(self, node: ast.expr, function: str, depth: int = 0) -> tuple[Part, ...]:
        if isinstance(node, ast.Constant):
            return (str(node.value),)
        if isinstance(node, ast.JoinedStr):
            return tuple(part for value in node.values for part in self._formatted(value, function, depth))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return (*self._parts(node.left, function, depth), *self._parts(node.right, function, depth))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and (text := self._source.text_of(node.left)):
            values = list(node.right.elts) if isinstance(node.right, ast.Tuple) else [node.right]
            if isinstance(node.right, ast.Dict):
                named = {self._source.text_of(k): v for k, v in zip(node.right.keys, node.right.values, strict=True)}
                values = [named[name] for name in re.findall(r"%\((\w+)\)", text) if name in named]
            return self._percent(text, values, function)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and (text := self._source.text_of(node.func.value)):
                return _braces(text, node) if called(node) == "format" else (Field(ast.unparse(node)),)
            if called(node) == "dumps" and node.args:
                return self._dict(node.args[0], function, '"') or (Field(ast.unparse(node)),)
            if called(node) in ("str", "round", "float", "bold", "colored") and node.args:
                return self._parts(node.args[0], function, depth)
            if called(node) == "classification_report":
                return ("accuracy  ", Field("accuracy"))
        if isinstance(node, ast.Dict):
            return self._dict(node, function, "'")
        if isinstance(node, ast.Name) and depth < 3:
            value = self._assigned.get((function, node.id)) or self._assigned.get(("", node.id))
            if isinstance(value, ast.JoinedStr | ast.Dict | ast.BinOp) or _is_text_call(value):
                inner = self._parts(value, function, depth + 1) if value is not None else ()
                if any(isinstance(part, str) and part.strip() for part in inner):
                    return inner
        return (Field(ast.unparse(node)),)

    def _formatted(self, node: ast.expr, function: str, depth: int) -> Iterator[Part]:
        if not isinstance(node, ast.FormattedValue):
            yield from self._parts(node, function, depth)
        elif node.format_spec is None and isinstance(node.value, ast.Name | ast.Constant):
            inner = self._parts(node.value, function, depth)
            yield from inner if len(inner) > 1 else (Field(ast.unparse(node.value), node.conversion == ord("r")),)
        else:
            yield Field(ast.unparse(node.value), quoted=node.conversion == ord("r"))

    def _percent(self, text: str, values: list[ast.expr], function: str) -> tuple[Part, ...]:
        parts: list[Part] = []
        rest = iter(values)
        for piece in re.split(r"(%(?:\(\w+\))?[-+ #0]*(?:\d+|\*)?(?:\.\d+)?[a-zA-Z%])", text):
            if piece == "%%":
                parts.append("%")
            elif piece.startswith("%") and len(piece) > 1:
                value = next(rest, None)
                parts.append(Field(ast.unparse(value) if value is not None else "", piece.endswith("r")))
            elif piece:
                parts.append(piece)
        return tuple(parts)

    def _postfix(self, call: ast.Call) -> tuple[Part, ...]:
        pairs = [(name, value) for name, value in keywords(call).items() if name not in ("refresh", "ordered_dict")]
        if call.args and isinstance(call.args[0], ast.Dict):
            given = call.args[0]
            pairs += [
                (key, value)
                for node, value in zip(given.keys, given.values, strict=True)
                if (key := self._source.text_of(node))
            ]
        return tuple(part for name, value in pairs for part in (f", {name}=", Field(ast.unparse(value))))

    def _dict(self, node: ast.expr, function: str, quote: str) -> tuple[Part, ...]:
        found = self._as_dict(node, function)
        parts: list[Part] = []
        for key, value in found:
            parts += [f"{', ' if parts else '{'}{quote}{key}{quote}: ", Field(value, quoted=True)]
        return (*parts, "}") if parts else ()

    def _keys(self, node: ast.expr, function: str) -> tuple[tuple[str, str], ...]:
        """The keys of a line of JSON, where `node` is one: `json.dumps({...})`, or a name for it."""
        if isinstance(node, ast.Name):
            value = self._assigned.get((function, node.id)) or self._assigned.get(("", node.id))
            return self._keys(value, function) if isinstance(value, ast.Call) else ()
        if isinstance(node, ast.Call) and called(node) == "dumps" and node.args:
            return self._as_dict(node.args[0], function)
        return ()

    def _as_dict(self, node: ast.expr, function: str) -> tuple[tuple[str, str], ...]:
        if isinstance(node, ast.Name):
            value = self._assigned.get((function, node.id)) or self._assigned.get(("", node.id))
            return self._as_dict(value, function) if isinstance(value, ast.Dict | ast.Call) else ()
        if isinstance(node, ast.Call) and called(node) == "dict":
            return tuple((name, ast.unparse(value)) for name, value in keywords(node).items())
        if not isinstance(node, ast.Dict):
            return ()
        return tuple(
            (key, ast.unparse(value))
            for one, value in zip(node.keys, node.values, strict=True)
            if (key := self._source.text_of(one)) and not isinstance(value, ast.Dict)
        )


def _assigned(tree: ast.Module) -> dict[tuple[str, str], ast.expr]:
    """The last value that each name is given, by function."""
    found: dict[tuple[str, str], ast.expr] = {}

    def walk(node: ast.AST, function: str) -> None:
        if isinstance(node, Function):
            function = node.name
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[function, target.id] = node.value
        for child in ast.iter_child_nodes(node):
            walk(child, function)

    walk(tree, "")
    return found


def _relays(function: Function) -> bool:
    """Whether it prints its first parameter."""
    first = [one.arg for one in function.args.args if one.arg != "self"][:1]
    return any(
        isinstance(node, ast.Call) and called(node) == "print" and [last_name(one) for one in node.args[-1:]] == first
        for node in ast.walk(function)
        if first
    )


def _is_text_call(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Call) and called(node) in ("format", "dumps")


def _braces(text: str, call: ast.Call) -> tuple[Part, ...]:
    parts: list[Part] = []
    rest, given = iter(call.args), keywords(call)
    for piece in re.split(r"(\{\{|\}\}|\{[^{}]*\})", text):
        if piece in ("{{", "}}"):
            parts.append(piece[0])
        elif piece.startswith("{") and piece.endswith("}"):
            name = re.split(r"[:!]", piece[1:-1])[0]
            base = re.split(r"[.\[]", name)[0]
            if base.isdecimal():
                node = call.args[int(base)] if int(base) < len(call.args) else None
            else:
                node = given.get(base) if base else next(rest, None)
            tail = name[len(base) :]
            parts.append(Field((ast.unparse(node) if node is not None else base) + tail))
        elif piece:
            parts.append(piece)
    return tuple(parts)


def _joined(groups: list[tuple[Part, ...]], separator: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    for number, group in enumerate(groups):
        parts += [*([separator] if number else []), *group]
    return tuple(parts)


def _one_by_one(parts: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
    """The parts, cut at line breaks, with neighboring texts as one."""
    current: list[Part] = []
    for part in parts:
        pieces: list[Part] = list(re.split(r"[\r\n]", part)) if isinstance(part, str) else [part]
        for number, piece in enumerate(pieces):
            if number:
                yield tuple(current)
                current = []
            if isinstance(piece, str) and current and isinstance(current[-1], str):
                current[-1] += piece
            elif piece != "":
                current.append(piece)
    yield tuple(current)


def _is_epochs(loop: ast.For | ast.While) -> bool:
    """Whether a loop goes over epochs, as far as its variable and its bound say."""
    if isinstance(loop, ast.While):
        return False
    names = [node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)]
    head = ast.unparse(loop.iter)
    return any("epoch" in name.lower() for name in names) or (
        "epoch" in head.lower() and any(_EPOCH.search(name) or name == "_" for name in names) and "range" in head
    )


def _bound(loop: ast.For | ast.While) -> str:
    """What bounds a loop over epochs: 'args.epochs' of `range(1, args.epochs + 1)`; '' where it may end before."""
    if not isinstance(loop, ast.For) or any(_leaves(statement) for statement in loop.body):
        return ""
    node = loop.iter
    while isinstance(node, ast.Call) and called(node) in ("tqdm", "trange", "range", "int", "enumerate", "track"):
        arguments = node.args
        if called(node) in ("range", "trange") and len(arguments) > 1:
            node = arguments[1]
        elif arguments:
            node = arguments[0]
        else:
            return ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and isinstance(node.right, ast.Constant):
        node = node.left
    return ast.unparse(node)


def _leaves(statement: ast.AST) -> bool:
    """Whether a statement of a loop may end that loop."""
    if isinstance(statement, ast.Break | ast.Return):
        return True
    if isinstance(statement, ast.For | ast.While | Function | ast.ClassDef):
        return any(isinstance(inner, ast.Return) for inner in ast.walk(statement)) and not isinstance(
            statement, Function
        )
    return any(_leaves(child) for child in ast.iter_child_nodes(statement))
