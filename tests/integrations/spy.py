"""A searcher that keeps what an integration told and asked it."""

from __future__ import annotations

from luthier.search.random import Random


class Spy(Random):
    """Random search; `heard` are the trials told, `asked` the (count, space) of each ask, `made` all spies."""

    made: list[Spy]

    def __init__(self, *args):
        super().__init__(*args)
        self.heard = []
        self.asked = []
        Spy.made.append(self)

    def tell(self, trial):
        self.heard.append(trial)
        super().tell(trial)

    def ask(self, count, within):
        self.asked.append((count, within))
        return super().ask(count, within)


def planted(monkeypatch, integration) -> list[Spy]:
    """All searchers that `integration` makes from now on."""
    Spy.made = []
    monkeypatch.setattr(integration, "get_searcher", lambda name: Spy)
    return Spy.made
