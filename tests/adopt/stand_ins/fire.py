"""A stand-in for python-fire: `--name=value`, read as Python's literals, else as text."""

import ast
import sys


def Fire(function):
    given = {}
    for argument in sys.argv[1:]:
        name, _, text = argument.removeprefix("--").partition("=")
        try:
            given[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            given[name] = text
    return function(**given)
