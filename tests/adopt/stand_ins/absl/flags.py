import sys


class _Flags:
    def read(self):
        for argument in sys.argv[1:]:
            name, _, text = argument.removeprefix("--").partition("=")
            kind = type(getattr(self, name))
            setattr(self, name, text == "true" if kind is bool else kind(text))


FLAGS = _Flags()


def _define(name, default, *rest):
    setattr(FLAGS, name, default)


DEFINE_float = DEFINE_integer = DEFINE_string = DEFINE_bool = DEFINE_enum = _define
