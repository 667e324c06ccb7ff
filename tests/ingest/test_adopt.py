"""Tables that other software made in PostgreSQL, published in place by the command line."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from click.testing import Result

from tests.ingest.conftest import Site
from tests.support.foreign import Foreign, foreign_schema
from vo_server.adql.front import compile_query
from vo_server.errors import EngineError, MissingError, SchemaFileError, UsageError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Position, PositionIndex

pytestmark = pytest.mark.postgres

TYPES = """
CREATE DOMAIN magnitude AS real;
CREATE TYPE kind AS ENUM ('STAR', 'GALAXY');
CREATE TABLE types (
  id bigint PRIMARY KEY, small smallint, whole integer, single real, twofold double precision, exact numeric(12,3),
  words text, limited varchar(10), padded char(5), is_good boolean, day date, at timestamp, at_zone timestamptz,
  mag magnitude, class kind, mark uuid,
  smalls smallint[], wholes integer[], longs bigint[], singles real[], doubles double precision[], exacts numeric[],
  flags boolean[]
);
INSERT INTO types VALUES (
  9007199254740993, -7, 2147483647, 0.1, 0.1, 12.345, 'Å', 'short', 'ab', true, '2024-02-29',
  '2024-02-29 12:00:00.5', '2024-02-29 12:00:00+02', 17.5, 'GALAXY', '00000000-0000-0000-0000-00000000002a',
  '{1,2}', '{3}', '{9007199254740993}', '{0.5}', '{0.1,0.2}', '{1.5,2}', '{t,f}'
);
INSERT INTO types (id) VALUES (2);
"""

STARS = """
CREATE TABLE stars (source_id bigint PRIMARY KEY, ra double precision NOT NULL, "dec" double precision NOT NULL);
INSERT INTO stars
SELECT i, (i * 137.508)::numeric % 360, degrees(asin(2 * i / 1000.0 - 1)) FROM generate_series(1, 999) AS i;
COMMENT ON TABLE stars IS 'Stars of  a survey';
COMMENT ON COLUMN stars.ra IS 'Right ascension';
ANALYZE stars;
"""


@pytest.fixture
def site(postgres_dsn: str) -> Iterator[Site]:
    made = Site(postgres_dsn, uuid.uuid4().hex[:12])
    yield made
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS data_{made.name} CASCADE")
        connection.execute(f"DROP SCHEMA IF EXISTS store_{made.name} CASCADE")


@pytest.fixture
def survey(postgres_dsn: str) -> Iterator[Foreign]:
    with foreign_schema(postgres_dsn) as made:
        yield made


def adopt(site: Site, survey: Foreign, name: str, *words: str | Path) -> Result:
    """Adopt a table of the survey under ``s.name``, and insist that it works."""
    result = site.run("adopt", f"{survey.schema}.{name}", "--table", f"s.{name}", *words)
    if result.exception is not None:
        raise result.exception
    return result


def answer(site: Site, adql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query, as the service would get them from the engine."""
    store, engine = site.open_store(), site.open_engine()
    try:
        running = engine.run(compile_query(adql, store.catalogue.load()), limit=None, timeout_s=60)
        try:
            return [tuple(row.values()) for batch in running for row in batch.to_pylist()]
        finally:
            running.close()
    finally:
        engine.close()
        store.close()


# ------------------------------------------------------------------------------------------------ what is published


def test_each_type_is_published_and_read(site: Site, survey: Foreign) -> None:
    survey.make(TYPES)
    adopt(site, survey, "types")
    table = site.table("s.types")
    double, text = DataType(Primitive.DOUBLE), DataType(Primitive.CHAR, "*")
    timestamp = DataType(Primitive.CHAR, "*", "timestamp")
    assert {one.name: one.datatype for one in table.columns} == {
        "id": DataType(Primitive.LONG), "small": DataType(Primitive.SHORT), "whole": DataType(Primitive.INT),
        "single": DataType(Primitive.FLOAT), "twofold": double, "exact": double, "words": text, "limited": text,
        "padded": text, "is_good": DataType(Primitive.BOOLEAN), "day": timestamp,
        "at": timestamp, "at_zone": timestamp,
        "mag": DataType(Primitive.FLOAT), "class": text, "mark": text,
        "smalls": DataType(Primitive.SHORT, "*"), "wholes": DataType(Primitive.INT, "*"),
        "longs": DataType(Primitive.LONG, "*"), "singles": DataType(Primitive.FLOAT, "*"),
        "doubles": DataType(Primitive.DOUBLE, "*"), "exacts": DataType(Primitive.DOUBLE, "*"),
        "flags": DataType(Primitive.BOOLEAN, "*"),
    }  # fmt: skip
    instant = datetime.fromisoformat
    rows = site.rows("s.types").to_pylist()
    assert rows == [
        {
            "id": 9007199254740993, "small": -7, "whole": 2147483647, "single": pytest.approx(0.1, rel=1e-7),
            "twofold": 0.1, "exact": 12.345, "words": "Å", "limited": "short", "padded": "ab", "is_good": True,
            "day": instant("2024-02-29"), "at": instant("2024-02-29T12:00:00.5"),
            "at_zone": instant("2024-02-29T10:00"),
            "mag": 17.5, "class": "GALAXY", "mark": "00000000-0000-0000-0000-00000000002a",
            "smalls": [1, 2], "wholes": [3], "longs": [9007199254740993], "singles": [0.5], "doubles": [0.1, 0.2],
            "exacts": [1.5, 2.0], "flags": [True, False],
        },
        {name: 2 if name == "id" else None for name in table.by_name},
    ]  # fmt: skip
    star = [tuple(row.values()) for row in rows]
    assert answer(site, "SELECT * FROM s.types ORDER BY id DESC") == star


@pytest.mark.parametrize(
    "condition",
    [
        "exact > 12.3 AND exact < 12.4", "padded = 'ab'", "padded || words = 'abÅ'", "day >= '2024-02-29'",
        "at_zone < '2024-02-29T10:00:01'", "class = 'GALAXY'", "exacts[1] = 1.5", "padded LIKE '_b'",
        "mark LIKE '%2a'", "NOT exact > 13", "exact IN (1, 12.345)", "mag BETWEEN 17 AND 18",
    ],
)  # fmt: skip
def test_converted_columns_can_be_asked_for(condition: str, site: Site, survey: Foreign) -> None:
    survey.make(TYPES)
    adopt(site, survey, "types")
    assert answer(site, f"SELECT id FROM s.types WHERE {condition}") == [(9007199254740993,)]


def test_what_the_database_says_is_taken_over(site: Site, survey: Foreign) -> None:
    survey.make(STARS + 'CREATE INDEX ON stars (q3c_ang2ipix(ra, "dec"));')
    result = adopt(site, survey, "stars")
    table = site.table("s.stars")
    assert table.description == "Stars of a survey"
    assert table.primary_key == ("source_id",)
    assert (table.n_rows, table.kind) == (999, "table")
    assert table.position == Position("ra", "dec", index=PositionIndex.OWN)
    ra = table.by_name["ra"]
    assert (ra.unit, ra.ucd, ra.description, ra.is_nullable) == ("deg", "pos.eq.ra;meta.main", "Right ascension", False)
    assert table.by_name["source_id"].is_indexed
    assert f'adopted from "{survey.schema}"."stars", about 999 rows, 3 columns' in result.stdout
    assert "positions: ra, dec (inferred from the names)" in result.stdout
    assert "spatial index: Q3C on ra, dec" in result.stdout


def test_a_schema_file_describes_it(site: Site, survey: Foreign, tmp_path: Path) -> None:
    survey.make("CREATE TABLE plain (alpha double precision, delta real, place float8[], cell bigint, note text)")
    file = tmp_path / "plain.yaml"
    file.write_text(
        "name: s\ntables:\n- name: plain\n  description: Described\n  vo: {position: {ra: alpha, dec: delta}}\n"
        "  columns:\n"
        "  - {name: alpha, datatype: double, ivoa:unit: deg, description: Right ascension}\n"
        "  - {name: delta, datatype: double, ivoa:unit: deg, description: Declination}\n"
        "  - {name: place, datatype: double, votable:arraysize: '2', votable:xtype: point, description: Place}\n"
    )
    with pytest.raises(SchemaFileError, match="are not described: cell, note") as caught:
        adopt(site, survey, "plain", "--schema-file", file)
    assert "--without" in str(caught.value.hint)
    adopt(site, survey, "plain", "--schema-file", file, "--without", "cell", "--without", "note")
    table = site.table("s.plain")
    assert (table.description, table.position) == ("Described", Position("alpha", "delta", index=PositionIndex.NONE))
    assert table.by_name["place"].datatype == DataType(Primitive.DOUBLE, "2", "point")
    assert table.by_name["delta"].datatype == DataType(Primitive.DOUBLE)
    survey.make(
        "INSERT INTO plain VALUES (10, 20, '{10,20}', 0, ''), (50, 20, NULL, 0, ''), (NULL, NULL, '{5,5}', 0, '')"
    )
    inside = "SELECT alpha FROM s.plain WHERE 1 = CONTAINS({}, CIRCLE(10, 20, 1))"
    assert answer(site, inside.format("POINT(alpha, delta)")) == [(10.0,)]
    assert answer(site, inside.format("place")) == [(10.0,)]


@pytest.mark.parametrize(
    ("column", "error"),
    [
        ("{name: note, datatype: double}", "is text in the database and cannot be published as DOUBLE PRECISION"),
        ("{name: alpha, datatype: int}", "is double precision in the database and cannot be published as INTEGER"),
        ("{name: alfa, datatype: double}", "has no column alfa"),
        ("{name: ra, datatype: double, vo: {source: alpha}}", "has no column ra"),
    ],
)
def test_a_schema_file_cannot_ask_for_what_is_not_there(
    column: str, error: str, site: Site, survey: Foreign, tmp_path: Path
) -> None:
    survey.make("CREATE TABLE plain (alpha double precision, note text)")
    file = tmp_path / "plain.yaml"
    file.write_text(f"name: s\ntables:\n- name: plain\n  vo: {{ignore_extra: true}}\n  columns:\n  - {column}\n")
    with pytest.raises(SchemaFileError, match=error) as caught:
        adopt(site, survey, "plain", "--schema-file", file)
    assert caught.value.hint


def test_positions_that_would_be_computed_need_a_view(site: Site, survey: Foreign, tmp_path: Path) -> None:
    survey.make("CREATE TABLE plain (glon double precision, glat double precision)")
    assert "no positions were found" in adopt(site, survey, "plain").stderr
    assert site.table("s.plain").position is None
    file = tmp_path / "plain.yaml"
    file.write_text(
        "name: s\ntables:\n- name: plain\n  vo: {galactic: {lon: glon, lat: glat}}\n  columns:\n"
        "  - {name: glon, datatype: double}\n  - {name: glat, datatype: double}\n"
    )
    with pytest.raises(SchemaFileError, match="positions cannot be computed") as caught:
        adopt(site, survey, "plain", "--schema-file", file)
    assert "view" in str(caught.value.hint)


def test_views_partitions_and_names_that_need_quotes(site: Site, survey: Foreign) -> None:
    survey.make(
        STARS
        + """
        CREATE INDEX ON stars (q3c_ang2ipix(ra, "dec"));
        CREATE VIEW seen AS SELECT source_id, ra, "dec" FROM stars WHERE source_id < 500;
        CREATE MATERIALIZED VIEW kept AS SELECT * FROM stars;
        CREATE TABLE parted (id bigint, ra double precision, "dec" double precision) PARTITION BY RANGE (id);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (500);
        CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (500) TO (1000);
        INSERT INTO parted SELECT * FROM stars;
        CREATE INDEX ON parted (q3c_ang2ipix(ra, "dec"));
        ANALYZE parted; ANALYZE kept;
        CREATE TABLE "Odd t" ("a b" integer, "from" text);
        INSERT INTO "Odd t" VALUES (1, 'x');
        """
    )
    for name in ("seen", "kept", "parted"):
        adopt(site, survey, name)
    seen, kept, parted = (site.table(f"s.{name}") for name in ("seen", "kept", "parted"))
    assert [(one.kind, one.n_rows) for one in (seen, kept, parted)] == [("view", None), ("view", 999), ("table", 999)]
    indexes = [one.position and one.position.index for one in (seen, kept, parted)]
    assert indexes == [PositionIndex.OWN, PositionIndex.NONE, PositionIndex.OWN]
    result = site.run("adopt", f'{survey.schema}."Odd t"', "--table", "s.Odd t")
    assert result.exception is None
    assert answer(site, 'SELECT "a b", "from" FROM s."Odd t"') == [(1, "x")]


def test_a_table_without_an_index_is_served_and_the_way_to_one_is_told(site: Site, survey: Foreign) -> None:
    survey.make(STARS)
    result = adopt(site, survey, "stars")
    index = f'CREATE INDEX ON "{survey.schema}"."stars" (q3c_ang2ipix("ra", "dec"))'
    assert (
        f"no spatial index on ra, dec: searches by place read the whole table; create one with: {index}"
        in result.stderr
    )
    cone = "SELECT COUNT(*) AS n FROM s.stars WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(100, 10, 15))"
    before = answer(site, cone)
    expected = survey.ask('SELECT count(*) FROM stars WHERE q3c_dist(ra, "dec", 100, 10) <= 15')
    assert before == expected
    survey.make(index)
    assert "spatial index: Q3C on ra, dec" in adopt(site, survey, "stars", "--version", "2").stdout
    assert answer(site, cone) == before


def test_cells_of_others_are_a_column_like_any_other(site: Site, survey: Foreign) -> None:
    survey.make(
        """
        CREATE TABLE celled (id integer, ra double precision, "dec" double precision, _healpix_29 bigint, hpx12 bigint);
        INSERT INTO celled VALUES (1, 10, 20, 5, 6), (2, 30, 40, NULL, 7);
        CREATE INDEX ON celled (_healpix_29);
        CREATE INDEX ON celled (hpx12);
        """
    )
    told = adopt(site, survey, "celled").stdout
    assert "spatial index: B-tree on _healpix_29 (cells, for conditions on this column)" in told
    assert "spatial index: B-tree on hpx12 (cells, for conditions on this column)" in told
    table = site.table("s.celled")
    assert not table.by_name["_healpix_29"].is_hidden
    for shape in ("CIRCLE(30, 40, 1)", "POLYGON(29, 39, 31, 39, 31, 41, 29, 41)", "REGION('UNION (CIRCLE 30 40 1)')"):
        asked = f'SELECT id, "_healpix_29" FROM s.celled WHERE 1 = CONTAINS(POINT(ra, dec), {shape})'
        assert answer(site, asked) == [(2, None)]


def test_columns_that_are_read_in_another_type_are_told_with_their_indexes(site: Site, survey: Foreign) -> None:
    survey.make("CREATE TABLE coded (code char(8) PRIMARY KEY, flux numeric); INSERT INTO coded VALUES ('a', 1)")
    told = adopt(site, survey, "coded").stderr
    assert "read in another type than stored: code (character(8)) as text, flux (numeric) as double precision" in told
    index = f'CREATE INDEX ON "{survey.schema}"."coded" ((CAST("code" AS TEXT)))'
    assert index in told
    survey.make(index)
    assert not site.table("s.coded").by_name["code"].is_indexed


# ------------------------------------------------------------------------------------------------- what is refused


def test_only_postgresql_has_tables_to_adopt(tmp_path: Path) -> None:
    elsewhere = Site(f"duckdb:///{tmp_path / 'vo'}", "unused")
    result = elsewhere.run("adopt", "public.stars", "--table", "s.stars")
    assert isinstance(result.exception, UsageError)
    assert "only tables of PostgreSQL can be adopted" in result.exception.message
    assert "ingest load" in str(result.exception.hint)
    assert not (tmp_path / "vo").exists()


def test_a_table_that_is_not_there_is_refused_with_the_likely_ones(site: Site, survey: Foreign) -> None:
    survey.make(STARS)
    with pytest.raises(MissingError, match=r'no table or view ".*"."star" in the database') as caught:
        adopt(site, survey, "star")
    assert caught.value.hint == f'did you mean "{survey.schema}"."stars"?'


@pytest.mark.parametrize("name", ["stars", "a.b.c", "a.", 'a."b', ""])
def test_what_is_no_name_of_a_table_is_refused(name: str, site: Site) -> None:
    result = site.run("adopt", name, "--table", "s.stars")
    assert isinstance(result.exception, UsageError)
    assert "expected PGSCHEMA.PGTABLE" in result.exception.message


def test_types_without_a_place_in_votable_are_refused_all_at_once(site: Site, survey: Foreign) -> None:
    survey.make("CREATE TABLE strange (id integer, extra jsonb, lapse interval, names text[], ok real)")
    with pytest.raises(UsageError, match=r"extra \(jsonb\), lapse \(interval\), names \(text\[\]\)") as caught:
        adopt(site, survey, "strange")
    assert "--without extra --without lapse --without names" in str(caught.value.hint)
    adopt(site, survey, "strange", "--without", "extra", "--without", "lapse", "--without", "names")
    assert list(site.table("s.strange").by_name) == ["id", "ok"]


def test_points_of_a_pgsphere_that_cannot_be_called_are_refused(site: Site, survey: Foreign) -> None:
    survey.make("CREATE TYPE spoint AS (lon float8, lat float8); CREATE TABLE hidden (id integer, pos spoint)")
    with pytest.raises(UsageError, match="has columns of spoint, but pgSphere's functions are not found") as caught:
        adopt(site, survey, "hidden")
    assert "search_path" in str(caught.value.hint)


def test_names_that_queries_could_not_tell_apart_are_refused(site: Site, survey: Foreign) -> None:
    survey.make('CREATE TABLE twins (a integer, "A" integer)')
    with pytest.raises(UsageError, match="a and A differ at most in case"):
        adopt(site, survey, "twins")
    survey.make(STARS)
    adopt(site, survey, "stars")
    result = site.run("adopt", f"{survey.schema}.stars", "--table", "s.Stars")
    assert isinstance(result.exception, UsageError)
    assert "differs only in case from s.stars" in result.exception.message


def test_a_column_to_leave_out_must_be_there(site: Site, survey: Foreign) -> None:
    survey.make(STARS)
    with pytest.raises(UsageError, match="has no column source_it to leave out") as caught:
        adopt(site, survey, "stars", "--without", "source_it")
    assert caught.value.hint == "did you mean source_id?"


@pytest.mark.parametrize("name", ["pg_catalog.pg_class", "information_schema.tables"])
def test_what_belongs_to_postgresql_is_refused(name: str, site: Site) -> None:
    result = site.run("adopt", name, "--table", "s.t")
    assert isinstance(result.exception, UsageError)
    assert "belongs to PostgreSQL itself" in result.exception.message


def test_what_belongs_to_this_server_is_refused(site: Site, survey: Foreign) -> None:
    survey.make(STARS)
    adopt(site, survey, "stars")
    for schema in (f"store_{site.name}", f"data_{site.name}"):
        result = site.run("adopt", f"{schema}.jobs", "--table", "s.jobs")
        assert isinstance(result.exception, UsageError)
        assert "belongs to this server itself" in result.exception.message


@pytest.fixture
def guest(site: Site, survey: Foreign, postgres_dsn: str) -> Iterator[Site]:
    """The same place for a role that may make schemas, and read nothing of the survey."""
    role = f"guest_{site.name}"
    database = survey.ask("SELECT current_database()")[0][0]
    site.open_store().close()
    survey.make(f"CREATE ROLE {role} LOGIN PASSWORD 'guest'; GRANT {role} TO current_user")
    survey.make(f"GRANT CREATE ON DATABASE {database} TO {role}")
    host = postgres_dsn.rpartition("@")[2]
    yield Site(f"postgresql://{role}:guest@{host}", f"{site.name}_guest")
    survey.make(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_rights_that_are_missing_are_told_one_after_the_other(guest: Site, survey: Foreign) -> None:
    survey.make(STARS)
    role = f"guest_{guest.name.removesuffix('_guest')}"
    with pytest.raises(UsageError, match="may not use the schema") as caught:
        adopt(guest, survey, "stars")
    assert caught.value.hint == f'GRANT USAGE ON SCHEMA "{survey.schema}" TO "{role}"'
    survey.make(str(caught.value.hint))
    with pytest.raises(UsageError, match="may not read") as caught:
        adopt(guest, survey, "stars")
    assert caught.value.hint == f'GRANT SELECT ON "{survey.schema}"."stars" TO "{role}"'
    survey.make(f'GRANT SELECT (ra, "dec") ON stars TO {role}')
    with pytest.raises(UsageError, match=r"may not read these columns of .*: source_id"):
        adopt(guest, survey, "stars")
    adopt(guest, survey, "stars", "--without", "source_id")
    assert answer(guest, "SELECT COUNT(ra) AS n FROM s.stars") == [(999,)]


@pytest.mark.parametrize(
    "change", ['ALTER TABLE stars RENAME COLUMN "dec" TO delta', "DROP TABLE stars", "ALTER TABLE stars RENAME TO suns"]
)
def test_a_change_by_the_owner_is_told_until_the_table_is_adopted_again(
    change: str, site: Site, survey: Foreign
) -> None:
    survey.make(STARS)
    adopt(site, survey, "stars")
    survey.make(change)
    with pytest.raises(EngineError, match="was changed or removed by its owner") as caught:
        answer(site, 'SELECT ra, "dec" FROM s.stars')
    assert "ingest adopt" in str(caught.value.hint)


# ------------------------------------------------------------------------------------------------------- releases


def test_an_adopted_table_is_never_changed_dropped_or_swept(site: Site, survey: Foreign, tmp_path: Path) -> None:
    survey.make(STARS)
    before = survey.ask("SELECT *, xmin FROM stars ORDER BY 1")
    adopt(site, survey, "stars", "--version", "1")
    adopt(site, survey, "stars", "--version", "2")
    csv = tmp_path / "new.csv"
    csv.write_text("source_id,ra,dec\n1,10,20\n")
    site.load(csv, "--table", "s.stars", "--version", "3")
    assert answer(site, "SELECT * FROM s.stars") == [(1, 10.0, 20.0)]
    listed = [line for line in site.run("releases", "s.stars").stdout.splitlines() if line[2:3] == "s"]
    assert [line[:1] for line in listed] == ["*", " ", " "]
    assert all(line.endswith(f'about 999 rows  adopted from "{survey.schema}"."stars"') for line in listed[1:])
    assert site.run("rollback", "s.stars").stdout == "s.stars: release 2 is current\n"
    assert answer(site, "SELECT COUNT(*) AS n FROM s.stars") == [(999,)]
    engine = site.open_engine()
    engine.drop('adopted:"nowhere"."stars"#00000000')
    assert engine.sweep(frozenset) == []
    engine.close()
    dropped = site.run("drop", "s.stars", "--yes", "--version", "1").stdout
    assert f'it was adopted from "{survey.schema}"."stars", which stays as it is' in dropped
    assert site.run("drop", "s.stars", "--yes").exception is None
    assert isinstance(site.run("releases", "s.stars").exception, MissingError)
    assert survey.ask("SELECT *, xmin FROM stars ORDER BY 1") == before
