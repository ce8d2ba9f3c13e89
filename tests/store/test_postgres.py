"""The SQL store on PostgreSQL: a server of its own, in a temporary folder, that only a socket there leads to."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from tests.store.test_sql import HOLD, KILLED, RACE, WRITE, finished, run_python
from tests.store.test_stores import StoresAgree

import luthier as lt
from luthier.core.clock import Clock, ManualClock
from luthier.core.contracts import Store
from luthier.core.errors import Conflict, LeaseHeld, StoreError
from luthier.core.events import Answered, Heartbeat
from luthier.store.check import check_store
from luthier.store.lease import is_dead, writer_name
from luthier.store.sql import SqlStore

pytestmark = pytest.mark.prove

_NUMBERS = count()


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server in `folder`, whose programs lie in `programs` and are begun by way of `prefix`."""

    programs: Path
    prefix: tuple[str, ...]
    folder: Path

    def run(self, program: str, *arguments: object) -> None:
        """One of the server's programs, to its end."""
        command = [*self.prefix, str(self.programs / program), *map(str, arguments)]
        with (self.folder / "output").open("wb") as output:
            code = subprocess.run(command, check=False, stdout=output, stderr=output, cwd=self.folder).returncode
        assert code == 0, (self.folder / "output").read_text()

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=40"
        self.run(
            "pg_ctl", "-D", self.folder / "data", "-w", "-t", 300, "-l", self.folder / "log", "-o", options, "start"
        )

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-t", 300, "-m", mode, "stop")

    def database(self) -> str:
        """The URL of a fresh, empty database."""
        import psycopg

        name = f"luthier_{next(_NUMBERS)}"
        with psycopg.connect(f"host={self.folder} user=luthier dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://luthier@/{name}?host={self.folder}"


def programs() -> Path | None:
    """Where PostgreSQL's server programs lie; the newest where there are several."""
    found = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -int(folder.parent.name))
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


def other_user() -> str | None:
    """A user to run the server as where this one is root, whom it refuses."""
    import pwd

    if shutil.which("runuser") is None:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg isn't installed: pip install 'luthier[postgres]'")
    where = programs()
    if where is None:
        pytest.skip("no PostgreSQL server is installed: initdb and pg_ctl weren't found")
    prefix: tuple[str, ...] = ()
    folder = Path(tempfile.mkdtemp(prefix="luthier-pg-"))
    try:
        if os.getuid() == 0:
            user = other_user()
            if user is None:
                pytest.skip("PostgreSQL refuses to run as root, and there is no runuser or no user to run it as")
            prefix = ("runuser", "-u", user, "--")
            shutil.chown(folder, user)
        server = Server(where, prefix, folder)
        data = folder / "data"
        server.run("initdb", "-D", data, "-U", "luthier", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(server: Server) -> str:
    return server.database()


@pytest.mark.parametrize("durability", ["power", "process"])
def test_postgres_keeps_the_contract(server: Server, durability: str) -> None:
    urls: dict[int, str] = {}

    def make(clock: Clock) -> Store:
        url = server.database()
        store = SqlStore(url, durability=durability, clock=clock)  # pyright: ignore[reportArgumentType]
        urls[id(store)] = url
        return store

    def reopen(store: Store, clock: Clock) -> Store:
        store.close()
        return SqlStore(urls[id(store)], clock=clock)

    check_store(make, reopen)


@pytest.mark.parametrize(("durability", "setting"), [("power", "on"), ("process", "off")])
def test_durability_reaches_the_server(url: str, durability: str, setting: str) -> None:
    store = SqlStore(url, durability=durability)  # pyright: ignore[reportArgumentType]
    store.append("s", [Heartbeat()], 0)
    with pytest.raises(Conflict):
        store.append("s", [Heartbeat()], 5)
    run = store._connection.cursor()
    run.execute("SHOW synchronous_commit")
    assert run.fetchone() == (setting,), "a transaction that was undone must not undo the setting"
    store.close()


def test_a_memory_store_and_postgres_agree(server: Server) -> None:
    class OnPostgres(StoresAgree):
        def __init__(self) -> None:
            super().__init__()
            self.file.close()
            self.url = server.database()
            self.file = SqlStore(self.url, durability="process", clock=self.clock)

    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(OnPostgres, settings=settings(max_examples=10, stateful_step_count=15, deadline=None))


def test_two_writers_on_one_study_lose_nothing(url: str) -> None:
    writers = [run_python(RACE, url, me) for me in ("ann", "bob")]
    won = [int(finished(writer)) for writer in writers]
    store = SqlStore(url)
    events = [event for event in store.events("s") if isinstance(event, Answered)]
    store.close()
    assert [event.answer for event in events] == [str(i) for i in range(60)]
    assert [sum(event.question == me for event in events) for me in ("ann", "bob")] == won


def test_a_writer_that_was_overtaken_is_told(url: str) -> None:
    one, two = SqlStore(url), SqlStore(url)
    held = one.append("s", [Heartbeat()], 0)
    two.append("s", [Heartbeat(), Heartbeat()], held)
    with pytest.raises(Conflict, match="expected 1 events, it holds 3"):
        one.append("s", [Heartbeat()], held)
    assert one.append("s", [Heartbeat()], 3) == 4
    one.close()
    two.close()


def test_eight_processes_on_eight_studies(url: str) -> None:
    writers = [run_python(WRITE, url, f"study {i}", 400, 2) for i in range(8)]
    for writer in writers:
        finished(writer)
    store = SqlStore(url)
    assert {row.name: row.events for row in store.studies()} == {f"study {i}": 400 for i in range(8)}
    for i in range(8):
        answers = [event.answer.rstrip("x") for event in store.events(f"study {i}") if isinstance(event, Answered)]
        assert answers == [str(held + j) for held in range(0, 400, 2) for j in range(2)]
    store.close()


def test_eight_processes_make_one_store(url: str) -> None:
    writers = [run_python(WRITE, url, f"study {i}", 1, 1) for i in range(8)]
    for writer in writers:
        finished(writer)
    store = SqlStore(url)
    assert len(store.studies()) == 8
    store.close()


def test_the_lease_of_a_killed_writer_is_free_at_once(url: str) -> None:
    holder = run_python(HOLD, url)
    assert holder.stdout is not None
    name = holder.stdout.readline().strip()
    store = SqlStore(url)
    with pytest.raises(LeaseHeld, match=rf"is being written by process {holder.pid} on .*wait for it, end it"):
        store.acquire("s", writer_name(), 10)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert is_dead(name)
    store.acquire("s", writer_name(), 10)
    holder.communicate()
    store.close()


def test_one_of_many_gets_a_free_lease(url: str) -> None:
    clock = ManualClock(1000.0)
    stores = [SqlStore(url, clock=clock) for _ in range(3)]
    got: list[int] = []
    for number, store in enumerate(stores):
        try:
            store.acquire("s", f"writer {number}", 10)
            got.append(number)
        except LeaseHeld:
            pass
    assert got == [0]
    for store in stores:
        store.close()


def test_what_append_returned_from_survives_kill_9(url: str) -> None:
    for number in range(5):
        writer = run_python(KILLED, url)
        assert writer.stdout is not None
        told = 0
        for _ in range(5 + number):
            told = int(writer.stdout.readline())
        writer.kill()
        out, _ = writer.communicate()
        told = max([told, *(int(line) for line in out.splitlines(keepends=True) if line.endswith("\n"))])
        store = SqlStore(url)
        answers = [event.answer for event in store.events("s") if isinstance(event, Answered)]
        store.close()
        assert len(answers) >= told
        assert len(answers) % 3 == 0, "an append is all or nothing"
        assert answers == [str(i) for i in range(len(answers))]


def test_a_study_is_taken_up_again(url: str) -> None:
    def study_in(where: str, *, resume: bool = False) -> lt.AskTell:
        levers = {"settings": {"x": lt.Float(-1.0, 1.0)}}
        return lt.ask_tell(levers, metric=lt.Metric("loss", "minimize"), seed=3, store=where, resume=resume)

    def asked(study: lt.AskTell, trials: int) -> list[lt.Trial]:
        told: list[lt.Trial] = []
        for _ in range(trials):
            trial = study.ask()
            told.append(study.tell(trial, float(trial.config["settings.x"]) ** 2))  # pyright: ignore[reportArgumentType]
        return told

    with study_in("memory:") as study:
        straight = asked(study, 12)
    with study_in(url) as study:
        before = asked(study, 7)
    with study_in(url, resume=True) as study:
        after = asked(study, 5)
    assert [trial.config for trial in straight] == [trial.config for trial in [*before, *after]]


def test_the_server_dies(server: Server, url: str) -> None:
    secret = url.replace("luthier@", "luthier:hunter2@")
    store = SqlStore(secret)
    held = store.append("s", [Answered(question="q", answer=str(i)) for i in range(100)], 0)
    server.stop("immediate")
    errors: list[str] = []
    actions: tuple[Callable[[], object], ...] = (
        lambda: store.append("s", [Heartbeat()], held),
        lambda: store.events("s"),
        lambda: SqlStore(secret),
    )
    for act in actions:
        with pytest.raises(StoreError, match=r"can't be (written|read|opened): .*resume the study") as raised:
            act()
        errors.append(str(raised.value))
    store.close()
    server.start()
    assert not any("hunter2" in error for error in errors)
    store = SqlStore(secret)
    assert len(store.events("s")) == held, "what append returned from survives the server's crash"
    assert store.append("s", [Heartbeat()], held) == held + 1
    store.close()
