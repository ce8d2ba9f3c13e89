"""The tables of the SQL store.

    luthier_schema    version                            which layout this is; one row
    luthier_studies   id, name, created                  seconds since 1970 UTC
    luthier_events    study_id, seq, kind, content, at   seq counts from 0 without gaps; content is JSON in ASCII
    luthier_leases    study, owner, until                who may write; may exist before the study does

How many events a study holds and when it changed last follow from its last event, so that appending touches
one place of one table.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, String, Table, Text, bindparam, func, select
from sqlalchemy.sql import ClauseElement

VERSION = 1

_metadata = MetaData()

_schema = Table("luthier_schema", _metadata, Column("version", Integer, primary_key=True, autoincrement=False))

_studies = Table(
    "luthier_studies",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created", Double, nullable=False),
)

_events = Table(
    "luthier_events",
    _metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(40), nullable=False),
    Column("content", Text, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)

_leases = Table(
    "luthier_leases",
    _metadata,
    Column("study", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Double, nullable=False),
)

TABLES = (_schema, _studies, _events, _leases)

_any = _events.alias()
_last = select(func.max(_any.c.seq)).where(_any.c.study_id == _studies.c.id).correlate(_studies).scalar_subquery()

STATEMENTS: dict[str, ClauseElement] = {
    "read_version": select(_schema.c.version),
    "write_version": _schema.insert(),
    "lock_study": select(_studies.c.id).where(_studies.c.name == bindparam("study")).with_for_update(),
    "add_study": _studies.insert().values(name=bindparam("name"), created=bindparam("created")),
    "count_events": select(func.max(_events.c.seq)).where(_events.c.study_id == bindparam("study_id")),
    "add_event": _events.insert(),
    "read_events": (
        select(_events.c.kind, _events.c.content)
        .join(_studies, _studies.c.id == _events.c.study_id)
        .where(_studies.c.name == bindparam("study"), _events.c.seq >= bindparam("after"))
        .order_by(_events.c.seq)
    ),
    "read_studies": (
        select(_studies.c.name, _events.c.seq, _studies.c.created, _events.c.at)
        .where(_events.c.study_id == _studies.c.id)
        .where(_events.c.seq == _last)
    ),
    "read_lease": select(_leases.c.owner, _leases.c.until)
    .where(_leases.c.study == bindparam("study"))
    .with_for_update(),
    "add_lease": _leases.insert(),
    "drop_lease": _leases.delete().where(_leases.c.study == bindparam("study")),
    "drop_own_lease": _leases.delete().where(
        _leases.c.study == bindparam("study"), _leases.c.owner == bindparam("owner")
    ),
}
"""All that the store says to a database, by name. Parameters are named, and there are no literals: the driver gets
each text as it is compiled, with the caller's mapping."""
