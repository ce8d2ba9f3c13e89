"""A stand-in for transformers' HfArgumentParser."""

import argparse
import dataclasses
import typing


class HfArgumentParser:
    def __init__(self, classes):
        self.classes = classes

    def parse_args_into_dataclasses(self):
        parser = argparse.ArgumentParser()
        for one in self.classes:
            types = typing.get_type_hints(one)
            for field in dataclasses.fields(one):
                parser.add_argument(f"--{field.name}", type=types[field.name], default=field.default)
        given = vars(parser.parse_args())
        return tuple(one(**{field.name: given[field.name] for field in dataclasses.fields(one)}) for one in self.classes)
