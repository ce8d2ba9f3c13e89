"""Where studies live, and what they are called there."""

from __future__ import annotations

import shutil
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from luthier.core.clock import Clock, SystemClock
from luthier.core.contracts import Artifacts, Store
from luthier.core.errors import UnknownName, UsageError
from luthier.core.trial import Status
from luthier.study.journal import read_history

LONGEST_NAME = 200
DEFAULT_STORE = Path(".luthier", "studies.db")


@dataclass(frozen=True)
class Home:
    """Where studies live: the store of their events, and their artifacts."""

    store: Store
    artifacts: Artifacts
    writer: str
    clock: Clock = field(default_factory=SystemClock)


def open_home(store: str | None = None) -> Home:
    """The store at `store` (a path or URL; None: `.luthier/studies.db` under the current folder) and its artifacts.

    With 'memory:' events stay in memory, and artifacts in a folder that goes with the Home, since worker
    processes must reach them.
    """
    from luthier.store.artifacts import FileArtifacts
    from luthier.store.lease import writer_name
    from luthier.store.open import open_artifacts, open_store

    if store == "memory:":
        scratch = mkdtemp(prefix="luthier-")
        home = Home(open_store(store), FileArtifacts(Path(scratch)), writer_name())
        weakref.finalize(home, shutil.rmtree, scratch, ignore_errors=True)
        return home
    return Home(open_store(store), open_artifacts(store), writer_name())


def is_there(store: str | None = None) -> bool:
    """Whether there is a store at `store`; of a database by URL only opening it can tell: it is taken to be."""
    where = str(DEFAULT_STORE) if store is None else store
    return "://" in where or where == "memory:" or Path(where).expanduser().exists()


def home_at(store: str | None = None) -> Home:
    """As `open_home`, but raises UsageError where there is no store yet, in place of making one."""
    if not is_there(store):
        raise UsageError(
            f"there is no store at '{DEFAULT_STORE if store is None else store}'; go to the folder that studies were "
            f"run from, or name their store by --store"
        )
    return open_home(store)


def free_name(home: Home, base: str) -> str:
    """`base`, or the first of 'base-2', 'base-3', ... that no study has."""
    latest = latest_name(home, base, default="")
    return f"{base}-{_number(latest, base) + 1}" if latest else base


def next_name(home: Home, base: str) -> str:
    """`base`, or the first of 'base-2', 'base-3', ... after ended studies of that name.

    Raises UsageError where the latest of them can be gone on with: it shouldn't be begun again. One whose baseline
    failed can't be: there is nothing in it, and what made it fail has to change.
    """
    latest, free = latest_name(home, base, default=""), free_name(home, base)
    history = read_history(home.store, latest) if latest else None
    failed = history is not None and history.baseline is not None and history.baseline.status is Status.FAILED
    if history is not None and history.concluded is None and not failed:
        raise UsageError(
            f"there is an unfinished study '{latest}'; go on with it by --resume, or begin another by --name {free}"
        )
    return free


def checked_name(name: str) -> str:
    """`name`, if it can be one of a study; raises UsageError."""
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME or name.startswith("-"):
        raise UsageError(
            f"a study's name takes 1 to {LONGEST_NAME} letters and signs on one line, '-' not first; got {name!r:.80}"
        )
    return name


def _number(name: str, base: str) -> int:
    return 1 if name == base else int(name.removeprefix(f"{base}-"))


def latest_name(home: Home, base: str, default: str | None = None) -> str:
    """The latest of 'base', 'base-2', 'base-3', ...; `default` where there is none, else raises UnknownName."""
    names = [row.name for row in home.store.studies()]
    numbers = {1: base} if base in names else {}
    for name in names:
        suffix = name.removeprefix(f"{base}-")
        if suffix != name and suffix.isdecimal():
            numbers[int(suffix)] = name
    if numbers:
        return numbers[max(numbers)]
    if default is not None:
        return default
    raise UnknownName("study", base, names)
