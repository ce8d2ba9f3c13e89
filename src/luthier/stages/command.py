"""The stage `command`: a program in any language, told its settings by arguments, a file, or the environment.

    CommandStage("{python} train.py --lr {learning_rate}", levers, metric="accuracy")

and train.py prints one line a unit of fidelity, such as `{"accuracy": 0.93, "loss": 0.2}`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from luthier.core.contracts import Context, Prediction, Settings
from luthier.core.dataset import Dataset
from luthier.core.errors import StageError, UsageError
from luthier.core.lever import Lever
from luthier.core.trial import Fidelity, Measurement
from luthier.stages.bundle import below, files_under, pack, unpack, write_files
from luthier.stages.exchange import read_predictions, write_rows
from luthier.stages.metric_lines import Entry, Pattern, Tail, from_json_line
from luthier.stages.process import Running
from luthier.stages.template import Template, as_text

PLACEHOLDERS = (
    *("python", "seed", "until", "threads", "device"),
    *("settings_file", "output_dir", "checkpoint_dir", "train", "validation"),
)
PREDICT_PLACEHOLDERS = ("python", "seed", "threads", "device", "settings_file", "artifact_dir", "inputs", "predictions")


@dataclass(frozen=True)
class CommandStage:
    """Measures by running `run`: a line, split as a shell would, or a list of arguments.

    `version` follows the command and the files that it names, unless it is stated.

    Placeholders: `{setting}` for each setting that exists in every trial (`{setting:--flag}` is the flag, or
    nothing, for one that is true or false); {python} (the Python that runs luthier), {seed}, {until} (the unit of
    fidelity to go to), {threads}, {device}, {settings_file} (JSON), {output_dir} and {checkpoint_dir} (private
    folders), {train} and {validation} (CSV files with a header and a column `row_id`). The same is in the environment
    as LUTHIER_SETTINGS (JSON), LUTHIER_SEED, LUTHIER_UNTIL, and so on. With `shell` the
    line runs under /bin/sh, its values quoted.

    Metrics come as lines of stdout that are JSON objects with the key `metric`; or as lines that fit `pattern`,
    whose group `value` (or first) is the number; or from `metrics_file`, in {output_dir}, as JSON lines or one
    JSON document. With `stderr`, lines of standard error count too. Each is one unit of fidelity; where the fidelity
    is one unit in all, the last counts.

    At the end of a grant, or when stopped, the command gets SIGTERM, and after `grace` seconds SIGKILL, with all
    that it started. With `checkpoints` it must end by itself after unit {until}, having left in {checkpoint_dir}
    what it needs to go on from there: it finds it there again when the trial is resumed, on whatever machine.
    Without `checkpoints` a resumed command runs from the start again, and what was measured before is passed over.

    `predict_command` lets a finished model speak; it takes PREDICT_PLACEHOLDERS. It finds in {artifact_dir} what
    `run` left in {output_dir}, and the rows in the CSV file {inputs}, and writes to the file {predictions} one line
    of JSON a row: a value, or `{"value": "cat", "probabilities": {"cat": 0.9, "dog": 0.1}}`.
    """

    run: str | tuple[str, ...]
    levers: tuple[Lever, ...] = ()
    metric: str = "score"
    fidelity: Fidelity = field(default_factory=Fidelity)
    name: str = "command"
    version: str = ""
    cwd: str = "."
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    shell: bool = False
    pattern: str | None = None
    metrics_file: str | None = None
    stderr: bool = False
    checkpoints: bool = False
    grace: float = 10.0
    predict_command: str | tuple[str, ...] | None = None

    kind: ClassVar[str] = "command"

    def __post_init__(self) -> None:
        object.__setattr__(self, "levers", tuple(self.levers))
        if not isinstance(self.run, str):
            object.__setattr__(self, "run", tuple(self.run))
        object.__setattr__(self, "version", self.version or self._made_version())
        settings = {name: parameter for lever in self.levers for name, parameter in lever.settings.items()}
        clash = [name for name in settings if name in PLACEHOLDERS]
        if clash:
            raise UsageError(
                f"the setting '{clash[0]}' has the name of a placeholder of commands; give it another name "
                f"(taken are {', '.join(PLACEHOLDERS)})"
            )
        template = self._template
        template.check((*settings, *PLACEHOLDERS), f"the command of stage '{self.name}'")
        for name in template.names:
            if name in settings and settings[name].when:
                raise UsageError(
                    f"the setting '{name}' exists only in some trials, so the command of stage '{self.name}' can't "
                    "name it; let it read {settings_file}, or LUTHIER_SETTINGS from its environment"
                )
        if self.predict_command is not None:
            Template.of(self.predict_command, self.shell).check(
                PREDICT_PLACEHOLDERS, f"the predict command of stage '{self.name}'"
            )
        if self.pattern is not None:
            Pattern(self.pattern)
        if self.metrics_file is not None:
            self._check_metrics_file(self.metrics_file)

    # ------------------------------------------------------------------------------------------ contract

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        """One measurement a unit that the command tells of; raises StageError where it ends badly or says nothing."""
        started_from = context.checkpoint if self.checkpoints else None
        with self._place(settings, context, started_from) as place:
            if self.checkpoints:
                # Between the grant's ends the command runs ahead of what was heard of it, so what lies in its
                # folder then fits no unit for certain.
                state = started_from or pack({"units": b"0"})
                context.save_state = lambda: state
            with self._started(self._template, settings, context, place) as running:
                last = yield from self._measured(running, context, place)
            if self.checkpoints:
                kept = {f"checkpoint/{name}": content for name, content in files_under(place.checkpoint).items()}
                state = pack({"units": str(context.until).encode(), **kept})
            yield last

    def finalize(self, settings: Settings, context: Context) -> str:
        """Run to the highest fidelity from the start; the address of its {output_dir}, settings and last metrics."""
        whole = replace(context, until=self.fidelity.maximum, measured=(), checkpoint=None)
        with self._place(settings, whole, None) as place:
            with self._started(self._template, settings, whole, place) as running:
                last = _exhausted(self._measured(running, whole, place))
            metrics = {**last.metrics, self.metric: last.value}
            files = {f"output/{name}": content for name, content in files_under(place.output).items()}
            files["settings.json"] = place.settings.read_bytes()
            files["metrics.json"] = json.dumps(metrics, sort_keys=True).encode()
            return context.artifacts.put(pack(files))

    def predict(self, artifact: str, inputs: Dataset, context: Context) -> Prediction:
        """What the predict command writes; raises UsageError without one, StageError where it isn't one line a row."""
        if self.predict_command is None:
            raise UsageError(
                f"the stage '{self.name}' has no predict command, so its models can't be tested; state one, such as "
                "predict_command='{python} predict.py {artifact_dir} {inputs} {predictions}'"
            )
        files = unpack(context.artifacts.get(artifact))
        with tempfile.TemporaryDirectory(prefix="luthier-") as folder:
            root = Path(folder)
            write_files(below(files, "output"), root / "artifact")
            (root / "artifact").mkdir(exist_ok=True)
            (root / "settings.json").write_bytes(files["settings.json"])
            values = {
                **_common(context),
                "settings_file": root / "settings.json",
                "artifact_dir": root / "artifact",
                "inputs": root / "inputs.csv",
                "predictions": root / "predictions.jsonl",
            }
            write_rows(inputs, root / "inputs.csv")
            template = Template.of(self.predict_command, self.shell)
            filled = template.fill({name: _as_plain(value) for name, value in values.items()})
            running = Running(filled, Path(self.cwd), self._environment(values))
            try:
                for _ in running.follow():
                    pass
                if running.status:
                    raise StageError(self._failed(running))
            finally:
                running.stop(self.grace)
            return read_predictions(root / "predictions.jsonl", len(inputs))

    # ------------------------------------------------------------------------------------------- running

    def _measured(self, running: Running, context: Context, place: _Place) -> Generator[Measurement, None, Measurement]:
        """Measurements up to the last but one of the grant; returns the last, once the command has ended."""
        highest, units, last, stopped = self.fidelity.maximum, place.units, None, False
        for entry in self._entries(running, place):
            if highest > 1 and units == context.until:
                stopped = True  # it goes further than it was asked to
                break
            units = 1 if highest == 1 else units + 1
            if units <= len(context.measured):
                continue
            others = {name: number for name, number in entry.items() if name != self.metric}
            last = Measurement(units, entry[self.metric], metrics=others)
            if units < context.until:
                yield last
            elif context.until < highest and not self._is_told_until:
                stopped = True
                break
        if stopped:
            running.stop(self.grace)
        elif running.status:
            raise StageError(self._failed(running))
        if last is None or last.fidelity < context.until:
            raise StageError(self._said_too_little(running, units, context.until))
        return last

    def _entries(self, running: Running, place: _Place) -> Iterator[Entry]:
        if self.metrics_file is not None:
            tail = Tail(Path(self.metrics_file.format(output_dir=place.output)), self.metric)
            for _ in running.follow():
                yield from tail.read()
            yield from tail.read(ended=True)
            return
        pattern = None if self.pattern is None else Pattern(self.pattern)
        for line in running.follow():
            if line is None:
                continue
            entry = from_json_line(line, self.metric) if pattern is None else pattern.read(line, self.metric)
            if entry is not None:
                yield entry

    @contextmanager
    def _started(self, template: Template, settings: Settings, context: Context, place: _Place) -> Iterator[Running]:
        values = {
            **_common(context),
            "until": context.until,
            "settings_file": place.settings,
            "output_dir": place.output,
            "checkpoint_dir": place.checkpoint,
            **place.data,
        }
        filled = template.fill({**settings, **{name: _as_plain(value) for name, value in values.items()}})
        environment = {**self._environment(values), "LUTHIER_SETTINGS": _as_json(settings)}
        running = Running(filled, Path(self.cwd), environment, both=self.stderr)
        try:
            yield running
        finally:
            running.stop(self.grace)

    @contextmanager
    def _place(self, settings: Settings, context: Context, checkpoint: bytes | None) -> Iterator[_Place]:
        root = Path(tempfile.mkdtemp(prefix="luthier-"))
        try:
            for name in ("output", "checkpoint"):
                (root / name).mkdir()
            (root / "settings.json").write_text(_as_json(settings), "utf-8")
            units = 0
            if checkpoint is not None:
                files = unpack(checkpoint)
                if int(files["units"]) <= len(context.measured):  # else the study lost what was measured since
                    units = int(files["units"])
                    write_files(below(files, "checkpoint"), root / "checkpoint")
            yield _Place(root, units, self._data(context, root))
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def _data(self, context: Context, root: Path) -> dict[str, Path]:
        wanted = [name for name in ("train", "validation") if name in self._template.names]
        if not wanted:
            return {}
        if len(context.views) != 1:
            raise UsageError(
                f"the command of stage '{self.name}' names {{{wanted[0]}}}, which takes a study with data that is "
                f"split once; got {len(context.views)} splits"
            )
        paths = {name: root / f"{name}.csv" for name in wanted}
        for name, path in paths.items():
            write_rows(getattr(context.views[0], name), path)
        return paths

    def _environment(self, values: Mapping[str, Any]) -> dict[str, str]:
        told = {f"LUTHIER_{name.upper()}": as_text(_as_plain(value)) for name, value in values.items()}
        # Without it Python keeps lines back until there are many, and nothing could be stopped early.
        return {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": told["LUTHIER_THREADS"], **self.env, **told}

    # -------------------------------------------------------------------------------------------- checks

    def _made_version(self) -> str:
        """Changes with the command, and with the files that it names."""
        digest = hashlib.sha256(repr((self.run, self.shell, sorted(self.env))).encode())
        for argument in self._template.arguments:
            path = Path(self.cwd) / argument
            if path.is_file():
                digest.update(path.read_bytes())
        return digest.hexdigest()[:12]

    @property
    def _template(self) -> Template:
        return Template.of(self.run, self.shell)

    @property
    def _is_told_until(self) -> bool:
        return self.checkpoints or "until" in self._template.names

    def _check_metrics_file(self, path: str) -> None:
        names = Template((path,)).names
        if names != ("output_dir",) or not path.startswith("{output_dir}"):
            raise UsageError(
                "the metrics file must lie in {output_dir}, for trials that run at once would write to one file; "
                f"write for example '{{output_dir}}/metrics.jsonl' (the command is told {{output_dir}}); got {path!r}"
            )
        if self.pattern is not None:
            raise UsageError("metrics come from a pattern or from a file; state one of `pattern` and `metrics_file`")

    def _failed(self, running: Running) -> str:
        status = running.status or 0
        how = f"was ended by signal {status - 128}" if status > 128 else f"ended with exit status {status}"
        said = _indented(running.errors) or _indented(running.output) or "  (nothing)"
        return f"the command of stage '{self.name}' {how}; the last that it said:\n{said}"

    def _said_too_little(self, running: Running, units: int, until: int) -> str:
        if units:
            return (
                f"the command of stage '{self.name}' told its '{self.metric}' {units} times and ended, but was to go "
                f"to {until} (unit: {self.fidelity.unit}); it must tell it once a unit, or state a lower fidelity"
            )
        if self.metrics_file is not None:
            advice = f"write lines such as {{{json.dumps(self.metric)}: 0.9}} to {self.metrics_file}"
        elif self.pattern is not None:
            advice = f"no line fits the pattern {self.pattern!r}"
        else:
            advice = (
                f"print lines such as {{{json.dumps(self.metric)}: 0.9}}; in Python: "
                f"print(json.dumps({{{json.dumps(self.metric)}: value}}), flush=True)"
            )
        said = _indented(running.output) or "  (nothing)"
        return (
            f"the command of stage '{self.name}' ended without telling its '{self.metric}': {advice}; "
            f"it printed:\n{said}"
        )


@dataclass(frozen=True)
class _Place:
    """The private folder of one run, the `units` that its checkpoint has behind it, and its data files."""

    root: Path
    units: int
    data: Mapping[str, Path]

    @property
    def settings(self) -> Path:
        return self.root / "settings.json"

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def checkpoint(self) -> Path:
        return self.root / "checkpoint"


def _exhausted(measurements: Generator[Measurement, None, Measurement]) -> Measurement:
    while True:
        try:
            next(measurements)
        except StopIteration as end:
            return end.value


def _common(context: Context) -> dict[str, Any]:
    return {
        "python": sys.executable,
        "seed": context.seed,
        "threads": context.limits.threads,
        "device": context.limits.device,
    }


def _as_plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _as_json(settings: Settings) -> str:
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    return json.dumps(plain, sort_keys=True)


def _indented(lines: Any) -> str:
    return "\n".join(f"  {line}" for line in lines)
