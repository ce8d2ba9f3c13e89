"""A chain of stages, which is itself a stage: each works on the artifact of the one before.

Only the last stage varies fidelity. The others are finished whole, on the rows to learn from, and kept by
fingerprint: they run again only when their own settings, seed, data or upstream changed, or when their artifact
was evicted.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import ClassVar

from luthier.core.contracts import Context, Prediction, Settings, Stage
from luthier.core.dataset import Dataset
from luthier.core.errors import SpaceError, StageError, UsageError
from luthier.core.lever import Lever
from luthier.core.trial import Fidelity, Measurement
from luthier.stages.bundle import pack, unpack
from luthier.stages.fingerprint import artifact_fingerprint


@dataclass(frozen=True)
class Chain:
    """Runs `stages` one after the other; the first gets the chain's own upstream. A chain among them is taken apart.

    `upstream_seed` seeds all stages but the last, in every trial, so that trials that differ in the last stage
    only share one upstream artifact; a confirmation takes another by `dataclasses.replace`. Levers and settings
    of different stages need different names; raises SpaceError where they clash.

    A chain takes one (train, validation) pair: with folds, an upstream artifact would have learned from the
    rows that another fold measures on.
    """

    stages: tuple[Stage, ...]
    name: str = "chain"
    upstream_seed: int = 0

    kind: ClassVar[str] = "chain"

    def __post_init__(self) -> None:
        flat = (each.stages if isinstance(each, Chain) else (each,) for each in self.stages)
        object.__setattr__(self, "stages", tuple(stage for stages in flat for stage in stages))
        if not self.stages:
            raise UsageError("a chain needs at least one stage; got none")
        levers: dict[str, str] = {}
        settings: dict[str, str] = {}
        for stage in self.stages:
            for lever in stage.levers:
                _claim(levers, lever.name, stage.name, "lever")
                for setting in lever.settings:
                    _claim(settings, setting, f"{stage.name}.{lever.name}", "setting")

    @property
    def version(self) -> str:
        """Changes with any of its stages."""
        return "+".join(f"{stage.name}@{stage.version}" for stage in self.stages)

    @property
    def levers(self) -> tuple[Lever, ...]:
        """Those of all stages, in order."""
        return tuple(lever for stage in self.stages for lever in stage.levers)

    @property
    def fidelity(self) -> Fidelity:
        """That of the last stage."""
        return self._last.fidelity

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        """The last stage's measurements, on what the others make; raises UsageError for more than one split."""
        if len(context.views) > 1 < len(self.stages):
            raise UsageError(
                f"the chain '{self.name}' takes data that is split once, not into {len(context.views)} folds: its "
                "first stages would learn from rows that a later fold measures on; split off one validation part"
            )
        inner = replace(context, upstream=self._upstream(settings, context), save_state=None)
        last = self._last.evaluate(self._own(self._last, settings), inner)
        try:
            for measurement in last:
                context.save_state = inner.save_state
                yield measurement
        finally:
            last.close()

    def finalize(self, settings: Settings, context: Context) -> str:
        """The address of a bundle of the last stage's artifact and the one that it works on."""
        upstream = self._upstream(settings, context)
        own = self._own(self._last, settings)
        last = self._last.finalize(own, replace(context, upstream=upstream, save_state=None))
        files = {"last": context.artifacts.get(last)}
        if upstream is not None:
            # Whole, not by address: the store keeps what is referenced, and can't see references inside an artifact.
            files["upstream"] = context.artifacts.get(upstream)
        return context.artifacts.put(pack(files))

    def predict(self, artifact: str, inputs: Dataset, context: Context) -> Prediction:
        """What the last stage says, with the artifact that it works on in place."""
        files = unpack(context.artifacts.get(artifact))
        if "last" not in files:
            raise StageError(f"the artifact {artifact} wasn't made by a chain; let the stage that made it predict")
        upstream = context.artifacts.put(files["upstream"]) if "upstream" in files else None
        last = context.artifacts.put(files["last"])
        return self._last.predict(last, inputs, replace(context, upstream=upstream, save_state=None))

    @property
    def _last(self) -> Stage:
        return self.stages[-1]

    def _upstream(self, settings: Settings, context: Context) -> str | None:
        """The address of the artifact before the last stage, recalled or made."""
        address = made_of = context.upstream
        for stage in self.stages[:-1]:
            own = self._own(stage, settings)
            made_of = artifact_fingerprint(stage, own, self.upstream_seed, context.views, made_of)
            known = context.artifacts.recall(made_of)
            if known is None:
                known = stage.finalize(
                    own,
                    replace(
                        context,
                        until=stage.fidelity.maximum,
                        seed=self.upstream_seed,
                        upstream=address,
                        measured=(),
                        checkpoint=None,
                        save_state=None,
                    ),
                )
                context.artifacts.remember(made_of, known)
            address = known
        return address

    def _own(self, stage: Stage, settings: Settings) -> Settings:
        names = {setting for lever in stage.levers for setting in lever.settings}
        return {name: value for name, value in settings.items() if name in names}


def _claim(claimed: dict[str, str], name: str, owner: str, what: str) -> None:
    if name in claimed:
        raise SpaceError(
            f"the stages of a chain need different names for their {what}s, but '{claimed[name]}' and '{owner}' "
            f"both have a {what} '{name}'; rename one"
        )
    claimed[name] = owner
