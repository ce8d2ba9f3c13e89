"""The tables of the SQL store.

    luthier_schema    version                    which layout this is; one row
    luthier_studies   id, name, created          seconds since 1970 UTC
    luthier_events    place, kind, content, at   content is JSON in ASCII
    luthier_leases    study, owner, until        who may write; may exist before the study does

An event's place is its study's id times 2**32, plus its number in the study: from 0, without gaps. A single whole
number as key makes an append to SQLite touch one page mostly, where a key of two columns rewrites several. How many
events a study holds and when it changed last follow from its last event.

In layout 1 the key was (study_id, seq).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql import ClauseElement

VERSION = 2

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
    # SQLite takes only a column called INTEGER for the row's own key; it is of 64 bits there.
    Column("place", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("kind", String(40), nullable=False),
    Column("content", Text, nullable=False),
    Column("at", Double, nullable=False),
)

_leases = Table(
    "luthier_leases",
    _metadata,
    Column("study", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Double, nullable=False),
)

TABLES = (_schema, _studies, _events, _leases)

_places = literal_column("4294967296", BigInteger)
_any = _events.alias()
_last = (
    select(func.max(_any.c.place))
    .where(_any.c.place >= _studies.c.id * _places, _any.c.place < _studies.c.id * _places + _places)
    .correlate(_studies)
    .scalar_subquery()
)

STATEMENTS: dict[str, ClauseElement] = {
    "read_version": select(_schema.c.version),
    "write_version": _schema.insert(),
    "find_study": select(_studies.c.id).where(_studies.c.name == bindparam("study")),
    "lock_study": select(_studies.c.id).where(_studies.c.name == bindparam("study")).with_for_update(),
    "add_study": _studies.insert().values(name=bindparam("name"), created=bindparam("created")),
    "last_place": select(func.max(_events.c.place)).where(
        _events.c.place >= bindparam("first"), _events.c.place < bindparam("end")
    ),
    "add_event": _events.insert(),
    "read_events": (
        select(_events.c.kind, _events.c.content)
        .where(_events.c.place >= bindparam("first"), _events.c.place < bindparam("end"))
        .order_by(_events.c.place)
    ),
    "read_studies": (
        select(_studies.c.name, _events.c.place - _studies.c.id * _places, _studies.c.created, _events.c.at).where(
            _events.c.place == _last
        )
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

OUT_OF_THE_WAY = "ALTER TABLE luthier_events RENAME TO luthier_events_1"
FROM_LAYOUT_1 = (
    """INSERT INTO luthier_events (place, kind, content, at)
    SELECT study_id * 4294967296 + seq, kind, content, at FROM luthier_events_1 ORDER BY study_id, seq""",
    "DROP TABLE luthier_events_1",
    "UPDATE luthier_schema SET version = 2",
)
"""What brings a database of layout 1 to this one: the first before the tables are made, the others after."""
