"""A catalogue and jobs with everything that the documents can say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.job import Job, JobError, JobInfo, JobResult, Phase, Progress
from vo_server.model.table import Catalogue, Column, Key, Schema, Table

P = Primitive
NOON = datetime(2025, 1, 2, 12, 0, 0, tzinfo=UTC)
LATER = datetime(2025, 1, 2, 15, 30, 0, 250000, tzinfo=timezone(timedelta(hours=2)))

RESERVED = frozenset({"SIZE", "SELECT"})

STARS = Table(
    "sky",
    "stars",
    (
        Column(
            "ra",
            DataType(P.DOUBLE),
            unit="deg",
            ucd="pos.eq.ra;meta.main",
            utype="stc:ra",
            description="Right ascension (J2000), δ < 360",
            is_nullable=False,
            is_indexed=True,
            is_principal=True,
            is_std=True,
        ),
        Column("dec", DataType(P.DOUBLE), unit="deg", ucd="pos.eq.dec;meta.main"),
        Column("_healpix_29", DataType(P.LONG), is_hidden=True),
        Column("size", DataType(P.FLOAT)),
        Column("B-V", DataType(P.FLOAT)),
        Column("centre", DataType(P.DOUBLE, "2", "point")),
        Column("seen", DataType(P.CHAR, "*", "timestamp")),
        Column("name", DataType(P.UNICODE_CHAR, "32*")),
    ),
    description='Stars & "others"',
    utype="vo:stars",
    title="The stars",
    primary_key=("name",),
    keys=(Key("k1", "sky.1st names", (("name", "B-V"), ("ra", "size")), "Names", "vo:key"),),
    n_rows=3,
)
NAMES = Table("sky", "1st names", (Column("B-V", DataType(P.CHAR, "*")), Column("size", DataType(P.INT))), kind="view")
CATALOGUE = Catalogue((Schema("sky", (STARS, NAMES), "All of it", "vo:sky", "The sky"), Schema("empty")))

PENDING = Job("j1", Phase.PENDING, NOON, LATER, 600)
QUEUED = Job("j0", Phase.QUEUED, NOON, LATER, 600, info=JobInfo(queue_position=17))
FAILED = Job(
    "j2",
    Phase.ERROR,
    NOON,
    LATER,
    0,
    parameters=(("LANG", "ADQL"), ("QUERY", "SELECT 'é' FROM t\r\nWHERE 1 < 2 AND c = '\x01'")),
    owner="me & you",
    run_id="run<1>",
    started=NOON,
    ended=LATER,
    quote=LATER,
    error=JobError("line 1, column 8: no <foo> & no bar", is_transient=True),
    info=JobInfo(Progress(2**40), n_attempts=2, estimate={"plan": "read <all> & sort", "rows": "5"}),
)
DONE = Job(
    "j3",
    Phase.COMPLETED,
    NOON,
    LATER,
    600,
    started=NOON,
    ended=LATER,
    results=(JobResult("result", "/x", "application/x-votable+xml;serialization=BINARY2", 1234, 5, overflow=False),),
    info=JobInfo(Progress(5, 1.0), n_attempts=1),
)
