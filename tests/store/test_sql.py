"""What the SQL store does when files, disks, processes and other writers misbehave."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import luthier
from luthier.core.cost import NOTHING
from luthier.core.errors import Conflict, LeaseHeld, MissingExtra, StoreError, UsageError
from luthier.core.events import Answered, BudgetSettled, Heartbeat
from luthier.store.lease import is_dead, writer_name
from luthier.store.sql import SqlStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "studies.db"


@contextmanager
def opened(path: Path, **options: object) -> Iterator[SqlStore]:
    store = SqlStore(f"sqlite:///{path}", **options)  # pyright: ignore[reportArgumentType]
    try:
        yield store
    finally:
        store.close()


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(luthier.__file__).parents[1])},
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out.strip()


# --------------------------------------------------------------------------------------- bad files


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_text("name,score\n" * 1000)
    with pytest.raises(
        StoreError, match=r"studies\.db can't be read: the file is no SQLite database .*name another file"
    ):
        SqlStore(f"sqlite:///{path}")
    assert path.read_text() == "name,score\n" * 1000


def test_a_damaged_file(path: Path) -> None:
    with opened(path) as store:
        store.append("s", [Answered(question="q" * 500, answer=str(i)) for i in range(200)], 0)
    content = bytearray(path.read_bytes())
    content[8192:-4096] = os.urandom(len(content) - 8192 - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|can't be"), opened(path) as store:
        store.events("s")


def test_a_damaged_event_is_named(path: Path) -> None:
    with opened(path) as store:
        store.append("s", [Heartbeat(), Answered(question="q", answer="a"), Heartbeat()], 0)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE luthier_events SET content = '{\"question\":' WHERE place % 4294967296 = 1")
    connection.close()
    with opened(path) as store:
        with pytest.raises(StoreError, match=r"study 's' in .*'answered' at place 1 .*damaged"):
            store.events("s")
        assert store.events("s", 2) == [Heartbeat()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("kind = 'from_the_future'", "unknown kind of event 'from_the_future'.*upgrade"),
        ("content = '{\"surprise\":1}'", "'heartbeat' can't be understood.*upgrade"),
    ],
)
def test_events_of_a_newer_luthier(path: Path, change: str, message: str) -> None:
    with opened(path) as store:
        store.append("s", [Heartbeat()], 0)
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE luthier_events SET {change}")
    connection.close()
    with opened(path) as store, pytest.raises(StoreError, match=message):
        store.events("s")


def test_a_file_of_a_newer_luthier(path: Path) -> None:
    with opened(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE luthier_schema SET version = 99")
    connection.close()
    with pytest.raises(StoreError, match=r"newer luthier: its layout is version 99, .* upgrade"):
        SqlStore(f"sqlite:///{path}")


LAYOUT_1 = """
CREATE TABLE luthier_schema (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE luthier_studies (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, created DOUBLE NOT NULL);
CREATE TABLE luthier_events (
    study_id INTEGER NOT NULL, seq BIGINT NOT NULL, kind VARCHAR(40) NOT NULL, content TEXT NOT NULL,
    at DOUBLE NOT NULL, PRIMARY KEY (study_id, seq)
) WITHOUT ROWID;
CREATE TABLE luthier_leases (study TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, until DOUBLE NOT NULL);
INSERT INTO luthier_schema VALUES (1);
INSERT INTO luthier_studies VALUES (1, 'one', 10.0), (2, 'two', 20.0);
INSERT INTO luthier_events VALUES
    (1, 0, 'heartbeat', '{"elapsed":0.5}', 11.0), (2, 0, 'heartbeat', '{}', 21.0),
    (1, 1, 'answered', '{"question":"q","answer":"a"}', 12.0);
INSERT INTO luthier_leases VALUES ('one', 'ann', 4e9);
"""


def test_a_file_of_layout_1_is_brought_to_the_present_one(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(LAYOUT_1)
    connection.close()
    for _ in range(2):
        with opened(path) as store:
            assert store.events("one")[:2] == [Heartbeat(elapsed=0.5), Answered(question="q", answer="a")]
            assert store.events("two") == [Heartbeat()]
            with pytest.raises(LeaseHeld):
                store.acquire("one", "bob", 10)
            held = len(store.events("one"))
            assert store.append("one", [Heartbeat()], held) == held + 1
    with opened(path) as store:
        assert [(row.name, row.events, row.created) for row in store.studies()] == [("one", 4, 10.0), ("two", 1, 20.0)]


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"can't be opened.*make its directory"):
        SqlStore(f"sqlite:///{tmp_path}/no/such/place.db")


def test_a_file_that_may_only_be_read(path: Path) -> None:
    with opened(path) as store:
        store.append("s", [Heartbeat()], 0)
    store = SqlStore(f"sqlite:///file:{path}?mode=ro&uri=true")
    try:
        assert store.events("s") == [Heartbeat()]
        with pytest.raises(StoreError, match=r"may not be written.*stays readable"):
            store.append("s", [Heartbeat()], 1)
        assert store.events("s") == [Heartbeat()]
    finally:
        store.close()


def test_a_full_database(path: Path) -> None:
    from sqlalchemy import Engine, event

    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 40").fetchall()

    event.listen(Engine, "connect", limit)
    try:
        with opened(path) as store:
            large = [Answered(question="q" * 2000, answer="a")] * 3
            held = store.append("s", large, 0)
            with pytest.raises(StoreError, match=r"the disk is full.*written before is safe"):
                store.append("s", large * 100, held)
            assert len(store.events("s")) == held
    finally:
        event.remove(Engine, "connect", limit)
    with opened(path) as store:
        assert len(store.events("s")) == held
        assert store.append("s", [Heartbeat()], held) == held + 1


FULL_DISK = """
import resource, sys
from luthier.core.errors import StoreError
from luthier.core.events import Answered
from luthier.store.sql import SqlStore
store, held = SqlStore(sys.argv[1]), 0
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    while True:
        held = store.append("s", [Answered(question="q" * 2000, answer="a")] * 3, held)
except StoreError as error:
    assert "can't be written" in str(error) and "written before is safe" in str(error), error
assert len(store.events("s")) == held
print(held)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file size are POSIX")
def test_a_disk_that_takes_no_more(path: Path) -> None:
    held = int(finished(run_python(FULL_DISK, f"sqlite:///{path}")))
    assert held > 0
    with opened(path) as store:
        assert len(store.events("s")) == held
        assert store.append("s", [Heartbeat()], held) == held + 1


# -------------------------------------------------------------------------------------------- URLs


def test_secrets_stay_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"'psycopg'.*luthier\[postgres\]") as raised:
        SqlStore("postgresql://me:hunter2@host/db")
    assert "hunter2" not in str(raised.value)
    for url in ("mysql://me:hunter2@host/db", "postgresql//me:hunter2@host", "hunter2"):
        with pytest.raises(UsageError) as raised:
            SqlStore(url)
        assert "hunter2" not in str(raised.value)


def test_durability_is_one_of_two() -> None:
    with pytest.raises(UsageError, match="'power' or 'process'; got 'none'"):
        SqlStore("sqlite://", durability="none")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("durability", "synchronous"), [("power", 2), ("process", 1)])
def test_durability_reaches_the_database(path: Path, durability: str, synchronous: int) -> None:
    from sqlalchemy import Engine, event

    said: list[str] = []

    def watch(connection: sqlite3.Connection, _: object) -> None:
        connection.set_trace_callback(said.append)

    event.listen(Engine, "connect", watch)
    try:
        with opened(path, durability=durability):
            pass
    finally:
        event.remove(Engine, "connect", watch)
    assert f"PRAGMA synchronous={ {2: 'FULL', 1: 'NORMAL'}[synchronous] }" in said
    assert path.read_bytes()[18:20] == b"\x02\x02", "the file must be in write-ahead mode (SQLite file format, 1.3.3)"


@pytest.mark.parametrize("durability", ["power", "process"])
def test_the_log_of_a_durable_store_does_not_grow(path: Path, durability: str) -> None:
    log, full = path.with_name(f"{path.name}-wal"), 32 + 250 * (24 + 4096)
    with opened(path, durability=durability) as store:
        store.append("s", [Heartbeat()], 0)
        assert (log.stat().st_size == full) == (durability == "power")
        for held in range(1, 400):
            store.append("s", [Answered(question="q", answer=str(held) + "x" * 400)], held)
        if durability == "power":
            assert log.stat().st_size <= full + 8 * (24 + 4096), "the log must begin anew when it is full"
        # What a loss of power would leave: file and log as they are, nothing closed.
        copy = path.with_name("copy.db")
        copy.write_bytes(path.read_bytes())
        copy.with_name("copy.db-wal").write_bytes(log.read_bytes())
        with opened(copy) as other:
            assert other.events("s") == store.events("s")
            assert len(other.events("s")) == 400
    assert not log.exists()


def test_a_closed_store_says_so(path: Path) -> None:
    with opened(path) as store:
        pass
    store.close()
    with pytest.raises(StoreError, match="is closed; open it again"):
        store.events("s")
    assert repr(store) == f"SqlStore('{path}')"


# --------------------------------------------------------------------------------------- writers


def test_the_conflict_says_what_to_do(path: Path) -> None:
    with opened(path) as one, opened(path) as two:
        one.append("s", [Heartbeat()], 0)
        with pytest.raises(Conflict) as raised:
            two.append("s", [Heartbeat()], 0)
    assert str(raised.value) == (
        "study 's' moved on: expected 0 events, it holds 1; another process is writing it: "
        "nothing was written now, so read the study again, or resume it when the other is done"
    )


def test_a_writer_that_was_overtaken_is_told(path: Path) -> None:
    with opened(path) as one, opened(path) as two:
        for wrong in (-1, 1):
            with pytest.raises(Conflict, match=f"expected {wrong} events, it holds 0"):
                one.append("s", [Heartbeat()], wrong)
        held = one.append("s", [Heartbeat()], 0)
        held = two.append("s", [Heartbeat(), Heartbeat()], held)
        with pytest.raises(Conflict, match="expected 1 events, it holds 3"):
            one.append("s", [Heartbeat()], 1)
        with pytest.raises(Conflict, match="expected 5 events, it holds 3"):
            two.append("s", [Heartbeat()], 5)
        assert one.append("s", [Heartbeat()], held) == held + 1
        assert len(two.events("s")) == held + 1


def test_a_lock_that_is_not_given_back(path: Path) -> None:
    with opened(path, patience=0.05) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"kept it locked for 0.05 s"):
            store.append("s", [Heartbeat()], 0)
        other.execute("ROLLBACK")
        other.close()
        assert store.append("s", [Heartbeat()], 0) == 1


def test_threads_share_a_store(path: Path) -> None:
    with opened(path, durability="process") as store:

        def write(name: str) -> None:
            for number in range(50):
                store.append(name, [Heartbeat(elapsed=float(number))], number)

        threads = [threading.Thread(target=write, args=(f"s{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i in range(4):
            assert [event.elapsed for event in store.events(f"s{i}")] == [float(n) for n in range(50)]


HOLD = """
import sys, time
from luthier.store.lease import writer_name
from luthier.store.sql import SqlStore
store, name = SqlStore(sys.argv[1]), writer_name()
store.acquire("s", name, 3600)
print(name, flush=True)
time.sleep(600)
"""


def test_the_lease_of_a_killed_writer_is_free_at_once(path: Path) -> None:
    holder = run_python(HOLD, f"sqlite:///{path}")
    assert holder.stdout is not None
    name = holder.stdout.readline().strip()
    with opened(path) as store:
        with pytest.raises(LeaseHeld, match=rf"is being written by process {holder.pid} on .*wait for it, end it"):
            store.acquire("s", writer_name(), 10)
        assert not is_dead(name)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert is_dead(name)
        store.acquire("s", writer_name(), 10)
    holder.communicate()


def test_who_is_known_to_be_dead() -> None:
    alive = writer_name()
    host, pid, token = alive.rsplit(":", 2)
    assert not is_dead(alive)
    assert not is_dead("ann")
    assert not is_dead(f"elsewhere:{2**22 + 1}:{token}"), "processes of other machines can't be seen"
    assert is_dead(f"{host}:{2**22 + 1}:{token}"), "no system gives out process ids that high"
    if sys.platform == "linux":
        assert is_dead(f"{host}:{pid}:1-abc"), "the process id was given out again since"


WRITE = """
import sys
from luthier.core.events import Answered
from luthier.store.sql import SqlStore
url, name, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = SqlStore(url, durability="process")
for held in range(0, count, size):
    events = [Answered(question=name, answer=str(held + i) + "x" * (7 * held % 500)) for i in range(size)]
    assert store.append(name, events, held) == held + size
store.close()
"""


def eight_processes_on_eight_studies(path: Path, count: int, size: int) -> None:
    writers = [run_python(WRITE, f"sqlite:///{path}", f"study {i}", count, size) for i in range(8)]
    for writer in writers:
        finished(writer)
    with opened(path) as store:
        assert {row.name: row.events for row in store.studies()} == {f"study {i}": count for i in range(8)}
        for i in range(8):
            expected = [
                Answered(question=f"study {i}", answer=str(held + j) + "x" * (7 * held % 500))
                for held in range(0, count, size)
                for j in range(size)
            ]
            assert store.events(f"study {i}") == expected
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_eight_processes_on_eight_studies(path: Path) -> None:
    eight_processes_on_eight_studies(path, count=40, size=2)


@pytest.mark.prove
def test_eight_processes_on_eight_studies_at_full_size(path: Path) -> None:
    eight_processes_on_eight_studies(path, count=5000, size=1)


RACE = """
import sys
from luthier.core.errors import Conflict
from luthier.core.events import Answered
from luthier.store.sql import SqlStore
store, me, won = SqlStore(sys.argv[1], durability="process"), sys.argv[2], 0
while True:
    held = len(store.events("s"))
    if held >= 60:
        break
    try:
        store.append("s", [Answered(question=me, answer=str(held))], held)
        won += 1
    except Conflict:
        pass
print(won)
"""


def test_two_writers_on_one_study_lose_nothing(path: Path) -> None:
    writers = [run_python(RACE, f"sqlite:///{path}", me) for me in ("ann", "bob")]
    won = [int(finished(writer)) for writer in writers]
    with opened(path) as store:
        events = store.events("s")
    assert [event.answer for event in events if isinstance(event, Answered)] == [str(i) for i in range(60)]
    assert sum(won) == 60
    assert [sum(isinstance(e, Answered) and e.question == me for e in events) for me in ("ann", "bob")] == won


KILLED = """
import sys
from luthier.core.events import Answered
from luthier.store.sql import SqlStore
store = SqlStore(sys.argv[1], durability="process")
held = len(store.events("s"))
while True:
    held = store.append("s", [Answered(question="q", answer=str(held + i)) for i in range(3)], held)
    print(held, flush=True)
"""


@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.prove)])
def test_what_append_returned_from_survives_kill_9(path: Path, rounds: int) -> None:
    for number in range(rounds):
        writer = run_python(KILLED, f"sqlite:///{path}")
        assert writer.stdout is not None
        told = 0
        for _ in range(5 + number):
            told = int(writer.stdout.readline())
        writer.kill()
        out, _ = writer.communicate()
        told = max([told, *(int(line) for line in out.splitlines(keepends=True) if line.endswith("\n"))])
        with opened(path) as store:
            answers = [event.answer for event in store.events("s") if isinstance(event, Answered)]
        assert len(answers) >= told
        assert len(answers) % 3 == 0, "an append is all or nothing"
        assert answers == [str(i) for i in range(len(answers))]


def test_a_foreign_table_of_the_same_file_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE studies (mine TEXT)")
        connection.execute("INSERT INTO studies VALUES ('kept')")
    connection.close()
    with opened(path) as store:
        store.append("s", [BudgetSettled(owner="x", amount=NOTHING)], 0)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT * FROM studies").fetchall() == [("kept",)]
    connection.close()
