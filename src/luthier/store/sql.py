"""A store in SQL: a SQLite file, or PostgreSQL by URL.

The statements are SQLAlchemy Core's, compiled once for the database at hand and run on its driver directly:
an append then takes a sync of the disk, and little besides.
"""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from luthier.core.clock import Clock, SystemClock
from luthier.core.contracts import StudyRow
from luthier.core.errors import LuthierError, MissingExtra, StoreError, UsageError
from luthier.core.events import Event, from_texts, to_text
from luthier.store.lease import Lease
from luthier.store.memory import moved_on

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

PLACES = 2**32
"""So many places a study has for its events: an event's is its study's id times this, plus its number."""

Durability: TypeAlias = Literal["power", "process"]

_SYNCHRONOUS = {
    # FULL syncs the log at every commit; macOS needs `fullfsync` for the disk's own cache to be emptied too.
    ("sqlite", "power"): ("PRAGMA synchronous=FULL", "PRAGMA fullfsync=ON", "PRAGMA checkpoint_fullfsync=ON"),
    ("sqlite", "process"): ("PRAGMA synchronous=NORMAL",),
    ("postgresql", "power"): ("SET synchronous_commit TO on",),
    ("postgresql", "process"): ("SET synchronous_commit TO off",),
}
_ALONE = {
    # Where there is no row to lock yet, writers go one by one. SQLite's do from the transaction's beginning on;
    # the number is any that other programs in the same database won't use.
    "sqlite": "SELECT 1",
    "postgresql": "SELECT pg_advisory_xact_lock(731580440271)",
}


_LOG_PAGES = 250
"""The length of SQLite's write-ahead log: 1 MB, some 200 appends. Starting it anew takes as long as a few of them."""


class _PlaceTakenError(Exception):
    """Another writer of the study whose first event is at the place `first` was there before."""

    def __init__(self, first: int) -> None:
        super().__init__(first)
        self.first = first


class SqlStore:
    """Keeps studies in the database at `url`: 'sqlite:///studies.db' or 'postgresql://user@host/name'.

    What `append` returned from survives the process being killed. `durability` says what it survives besides:

        "power"    loss of power: the disk is synced at every append (SQLite: WAL with synchronous=FULL)
        "process"  only that; a loss of power may take the last appends, never the file's order (WAL, NORMAL)

    "power" is the default, since an append costs one sync (.1 to 10 ms) and a trial usually far more, and events
    say what money was spent and that a held-out test was opened. Choose "process" for thousands of trials of
    milliseconds each.

    Any number of processes may share one file; a writer waits up to `patience` seconds for others. Leases between
    machines go by their clocks. Threads may share one store. Raises StoreError where the database can't be
    opened, MissingExtra where its driver isn't installed. No message or repr shows a URL's password.
    """

    def __init__(
        self, url: str, *, durability: Durability = "power", clock: Clock | None = None, patience: float = 60.0
    ) -> None:
        if durability not in ("power", "process"):
            raise UsageError(f"durability must be 'power' or 'process'; got {durability!r}")
        parsed = _parsed(url)
        self._dialect = parsed.get_backend_name()
        self._place = _place(parsed)
        self._secret = parsed.password
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._patience = patience
        self._engine = _engine(parsed, patience)
        self._sql: dict[str, str] = {}
        self._known: dict[str, tuple[int, int]] = {}  # of studies: their first place, and how many events they held
        self._log: tuple[Path, int] | None = None  # SQLite's log and its full length, until it has that
        self._connection: Any = None  # the driver's own, without the pool's layer
        self._let_go: Callable[[], object] = self._engine.dispose
        try:
            self._open(durability)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"SqlStore({self._place!r})"

    def append(self, study: str, events: Sequence[Event], expected_seq: int) -> int:
        rows = [(event.kind, to_text(event)) for event in events]
        if not rows:
            return expected_seq
        now = self._clock.now()
        try:
            with self._transaction("written", study) as run:
                first = self._first_place(run, study, expected_seq, now)
                parameters = [
                    {"place": place, "kind": kind, "content": content, "at": now}
                    for place, (kind, content) in enumerate(rows, start=first + expected_seq)
                ]
                self._lengthen_log()
                try:
                    run.executemany(self._sql["add_event"], parameters)
                except self._driver.IntegrityError:
                    raise _PlaceTakenError(first) from None
        except _PlaceTakenError as taken:
            with self._reading(study) as run:
                raise moved_on(study, expected_seq, self._count(run, taken.first)) from None
        self._known[study] = first, expected_seq + len(rows)
        return expected_seq + len(rows)

    def events(self, study: str, after: int = 0) -> list[Event]:
        with self._reading(study) as run:
            run.execute(self._sql["find_study"], {"study": study})
            found = run.fetchone()
            if found is None:
                return []
            first = found[0] * PLACES
            run.execute(self._sql["read_events"], {"first": first + max(after, 0), "end": first + PLACES})
            rows = run.fetchall()
        try:
            return from_texts(rows)
        except StoreError as error:
            raise StoreError(f"study '{study}' in {self._place}: {error}") from None

    def studies(self) -> list[StudyRow]:
        with self._reading() as run:
            run.execute(self._sql["read_studies"])
            rows = [StudyRow(name, last + 1, created, at) for name, last, created, at in run.fetchall()]
        return sorted(rows, key=lambda row: (-row.updated, row.name))

    def acquire(self, study: str, owner: str, seconds: float) -> None:
        with self._transaction("written", study) as run:
            run.execute(_ALONE[self._dialect])
            now = self._clock.now()
            run.execute(self._sql["read_lease"], {"study": study})
            row = run.fetchone()
            lease = Lease(*row) if row else None
            if lease is not None and lease.bars(owner, now):
                raise lease.refusal(study, now)
            run.execute(self._sql["drop_lease"], {"study": study})
            run.execute(self._sql["add_lease"], {"study": study, "owner": owner, "until": now + seconds})

    def release(self, study: str, owner: str) -> None:
        with self._transaction("written", study) as run:
            run.execute(self._sql["drop_own_lease"], {"study": study, "owner": owner})

    def close(self) -> None:
        with self._lock:
            self._connection = None
            self._let_go()

    def _first_place(self, run: Any, study: str, expected_seq: int, now: float) -> int:
        """The place of the study's first event, which is made where there is none; raises Conflict."""
        known = self._known.get(study)
        if known is not None and known[1] == expected_seq:
            # It holds no fewer than it once did; if it holds more, the places are taken and can't be again.
            return known[0]
        run.execute(self._sql["lock_study"], {"study": study})
        row = run.fetchone()
        if row is None:
            run.execute(_ALONE[self._dialect])
            run.execute(self._sql["lock_study"], {"study": study})
            row = run.fetchone()
        held = 0 if row is None else self._count(run, row[0] * PLACES)
        if held != expected_seq:
            raise moved_on(study, expected_seq, held)
        if row is None:
            run.execute(self._sql["add_study"], {"name": study, "created": now})
            run.execute(self._sql["find_study"], {"study": study})
            row = run.fetchone()
        return row[0] * PLACES

    def _count(self, run: Any, first: int) -> int:
        """How many events the study holds whose first is at the place `first`."""
        run.execute(self._sql["last_place"], {"first": first, "end": first + PLACES})
        last = run.fetchone()[0]
        return 0 if last is None else last - first + 1

    def _lengthen_log(self) -> None:
        """Once, while this connection may write: fill SQLite's write-ahead log with zeros up to its full length.

        A sync of a file that grows waits for the file system's own journal too; within the length it has, it takes
        two thirds of the time. SQLite goes by the frames it wrote, not by the file's length (SQLite file format, 4.1).
        """
        log, self._log = self._log, None
        if log is None:
            return
        path, length = log
        # Its locks are on other files, so that closing this one gives none of them back.
        with suppress(OSError), path.open("r+b") as file:
            start = file.seek(0, os.SEEK_END)
            try:
                file.write(bytes(max(0, length - start)))
                file.flush()
            except OSError:
                file.truncate(start)

    def _open(self, durability: Durability) -> None:
        from sqlalchemy.exc import DBAPIError
        from sqlalchemy.schema import CreateTable

        from luthier.store.schema import STATEMENTS, TABLES, VERSION

        try:
            pooled = self._engine.raw_connection()
            self._connection = pooled.driver_connection
            self._let_go = weakref.finalize(self, _let_go, self._engine, pooled)
        except DBAPIError as error:
            raise self._explained(error.orig or error, "opened") from None
        except self._driver_error as error:
            raise self._explained(error, "opened") from None
        dialect = self._engine.dialect
        self._sql = {name: str(statement.compile(dialect=dialect)) for name, statement in STATEMENTS.items()}
        self._settle(durability)
        version = self._version()
        if version is None or version < VERSION:
            with self._transaction("made") as run:
                run.execute(_ALONE[self._dialect])
                tables = [CreateTable(table, if_not_exists=True).compile(dialect=dialect) for table in TABLES]
                self._lay_out(run, [str(table) for table in tables])
            version = self._version()
        if version is not None and version > VERSION:
            raise StoreError(
                f"the store {self._place} was written by a newer luthier: its layout is version {version}, this "
                f"luthier knows up to {VERSION}; upgrade luthier to read it"
            )

    def _lay_out(self, run: Any, tables: Sequence[str]) -> None:
        """Make the tables, the first of which tells the layout; bring those of layout 1 to the present one."""
        from luthier.store.schema import FROM_LAYOUT_1, OUT_OF_THE_WAY, VERSION

        run.execute(tables[0])
        run.execute(self._sql["read_version"])
        found = run.fetchone()
        statements = [*tables[1:]]
        if found is not None and found[0] == 1:
            statements = [OUT_OF_THE_WAY, *statements, *FROM_LAYOUT_1]
        for statement in statements:
            run.execute(statement)
        if found is None:
            run.execute(self._sql["write_version"], {"version": VERSION})

    def _settle(self, durability: Durability) -> None:
        """Set the connection up: how durable, and for SQLite a write-ahead log."""
        with self._reading() as run:
            for pragma in _SYNCHRONOUS[self._dialect, durability]:
                run.execute(pragma)
            # Ends what the driver may have begun, or PostgreSQL would take the setting back with it.
            self._connection.commit()
        if self._dialect == "sqlite":
            with self._reading() as run:
                run.execute("PRAGMA journal_mode")
                mode = run.fetchone()[0]
            if mode == "delete":
                self._use_log(time.monotonic() + self._patience)
            if durability == "power":
                self._keep_log_short()

    def _keep_log_short(self) -> None:
        """Have the log begin anew, over what it held, after every 250 pages."""
        with self._reading() as run:
            run.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            run.execute("PRAGMA page_size")
            page = run.fetchone()[0]
            run.execute("PRAGMA database_list")
            file = run.fetchone()[2]
        if file:
            self._log = Path(f"{file}-wal"), 32 + _LOG_PAGES * (24 + page)

    def _use_log(self, deadline: float) -> None:
        """Switch the file to a write-ahead log; SQLite doesn't wait for others here, so this does."""
        run = self._connection.cursor()
        while True:
            try:
                run.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                name = str(getattr(error, "sqlite_errorname", ""))
                if name.startswith("SQLITE_READONLY"):
                    return
                if not name.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                    raise self._explained(error, "opened") from None
                time.sleep(0.01)
            else:
                return

    def _version(self) -> int | None:
        """The layout's version; None where there is no layout yet."""
        from sqlalchemy import inspect
        from sqlalchemy.exc import DBAPIError

        try:
            with self._engine.connect() as connection:
                if not inspect(connection).has_table("luthier_schema"):
                    return None
        except DBAPIError as error:
            raise self._explained(error.orig or error, "opened") from None
        with self._reading() as run:
            run.execute(self._sql["read_version"])
            row = run.fetchone()
        return None if row is None else int(row[0])

    @contextmanager
    def _transaction(self, doing: str, study: str | None = None) -> Generator[Any, None, None]:
        """A cursor in a transaction that is committed, or undone if anything is raised."""
        with self._lock:
            connection = self._live()
            try:
                cursor = connection.cursor()
                if self._dialect == "sqlite":
                    # The write lock at once: upgrading a read lock later may deadlock, and doesn't wait.
                    # PostgreSQL's driver begins by itself.
                    cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                connection.commit()
            except BaseException as error:
                with suppress(self._driver_error):
                    connection.rollback()
                if isinstance(error, self._driver_error):
                    raise self._explained(error, doing, study) from None
                raise

    @contextmanager
    def _reading(self, study: str | None = None) -> Generator[Any, None, None]:
        with self._lock:
            connection = self._live()
            try:
                yield connection.cursor()
                connection.rollback()
            except self._driver_error as error:
                with suppress(self._driver_error):
                    connection.rollback()
                raise self._explained(error, "read", study) from None

    def _live(self) -> Any:
        if self._connection is None:
            raise StoreError(f"the store {self._place} is closed; open it again")
        return self._connection

    @property
    def _driver(self) -> Any:
        return self._engine.dialect.loaded_dbapi

    @property
    def _driver_error(self) -> type[Exception]:
        return self._driver.Error

    def _explained(self, error: BaseException, doing: str, study: str | None = None) -> LuthierError:
        what = f"the store {self._place}" if study is None else f"study '{study}' in the store {self._place}"
        told = " ".join(str(error).split())
        if self._secret:
            told = told.replace(str(self._secret), "***")
        name = str(getattr(error, "sqlite_errorname", "") or "")
        cause, advice = next((row[1:] for row in _CAUSES if name.startswith(row[0])), ("", _OTHERWISE))
        reason = f"{cause.format(patience=self._patience)} ({told})" if cause else told
        return StoreError(f"{what} can't be {doing}: {reason}; {advice}")


_CAUSES = (
    ("SQLITE_NOTADB", "the file is no SQLite database", "name another file, or restore this one from a copy"),
    ("SQLITE_CORRUPT", "the file is damaged", "restore it from a copy, or save what is left with sqlite3's .recover"),
    (
        "SQLITE_FULL",
        "the disk is full",
        "nothing of this was written, and what was written before is safe: make space, then resume the study",
    ),
    (
        "SQLITE_READONLY",
        "the file, or its directory, may not be written",
        "what it holds stays readable: set the permissions right, or name another file",
    ),
    (
        "SQLITE_BUSY",
        "other processes kept it locked for {patience:g} s",
        "end the one that holds it, then resume the study",
    ),
    ("SQLITE_CANTOPEN", "the file can't be opened", "make its directory, or set the permissions right"),
    (
        "SQLITE_IOERR",
        "the disk failed, or refused to take more",
        "nothing of this was written, and what was written before is safe: look at space and disk, then resume",
    ),
)
"""Beginning of SQLite's error name, the cause in words, and what to do next."""
_OTHERWISE = "nothing was changed: look at the database, then resume the study"


def _let_go(engine: Engine, pooled: Any) -> None:
    """Close the one connection of a store that was closed, or forgotten."""
    connection = pooled.driver_connection
    with suppress(engine.dialect.loaded_dbapi.Error):
        pooled.close()
    engine.dispose()
    # The pool lets one that was lost go without closing it.
    with suppress(engine.dialect.loaded_dbapi.Error):
        connection.close()


def _parsed(url: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UsageError(
            "the store's URL can't be read; write 'sqlite:///studies.db' or 'postgresql://user@host/database'"
        ) from None
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        if importlib.util.find_spec("psycopg") is None:
            raise MissingExtra("psycopg", "postgres", "a store in PostgreSQL")
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise UsageError(f"studies are kept in SQLite or PostgreSQL; got a URL of '{backend}'")
    return parsed


def _place(url: URL) -> str:
    """How the database is called in messages: without password, and without options, which may hold one too."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)


def _engine(url: URL, patience: float) -> Engine:
    from sqlalchemy import StaticPool, create_engine

    if url.get_backend_name() == "sqlite":
        options = {"timeout": patience, "check_same_thread": False, "isolation_level": None}
        # Named parameters, as with PostgreSQL's driver, so that both take the same mappings.
        return create_engine(url, poolclass=StaticPool, connect_args=options, paramstyle="named")
    return create_engine(url, poolclass=StaticPool, hide_parameters=True)
