from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.samples import NOTES, STARS
from vo_server.errors import CatalogueError
from vo_server.model.check import CheckResult, Verdict
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.provenance import Link, Provenance
from vo_server.model.release import SourceFile
from vo_server.model.table import Column, Position, PositionIndex, Table
from vo_server.store.encode import decode_checks, decode_sources, decode_table, encode_sources, encode_table

texts = st.text(max_size=20)
columns = st.builds(
    Column,
    texts,
    st.builds(
        DataType,
        st.sampled_from(Primitive),
        st.sampled_from([None, "*", "5", "7*", "2x3"]),
        st.sampled_from([None, "timestamp", "point"]),
    ),
    unit=st.none() | texts,
    description=st.none() | texts,
    is_nullable=st.booleans(),
    is_hidden=st.booleans(),
    null_values=st.lists(texts).map(tuple),
    flag_meanings=st.lists(st.tuples(st.integers(), texts)).map(tuple),
    flag_bits=st.lists(st.tuples(st.integers(), texts)).map(tuple),
    aliases=st.lists(texts).map(tuple),
    stored_as=st.none() | texts,
)


@pytest.mark.parametrize("table", [STARS, NOTES], ids=["stars", "notes"])
def test_a_description_comes_back_as_it_was(table: Table) -> None:
    assert decode_table(encode_table(table)) == table


@given(st.lists(columns).map(tuple))
def test_any_columns_come_back_as_they_were(found: tuple[Column, ...]) -> None:
    table = replace(STARS, columns=found)
    assert decode_table(encode_table(table)) == table


@pytest.mark.parametrize("index", PositionIndex)
def test_the_index_of_the_positions_comes_back_as_it_was(index: PositionIndex) -> None:
    table = replace(STARS, position=Position("ra", "dec", index=index))
    found = decode_table(encode_table(table)).position
    assert found == table.position
    assert isinstance(found and found.index, PositionIndex)


def test_the_provenance_comes_back_as_it_was() -> None:
    links = (Link("https://a.org/x", "Å page", "doc"), Link("https://a.org/y", content_type="text/csv"))
    for provenance in (Provenance(), Provenance(creator=("A", "B"), citation="10.1/x"), Provenance(links=links)):
        table = replace(STARS, provenance=provenance)
        assert decode_table(encode_table(table)) == table


def test_a_provenance_from_the_future_is_refused() -> None:
    plain = json.loads(encode_table(replace(NOTES, provenance=Provenance(rights="CC0"))))
    plain["provenance"]["smell"] = "fishy"
    with pytest.raises(CatalogueError, match=r"smell in a provenance.*upgrade"):
        decode_table(json.dumps(plain))


def test_a_description_from_before_aliases_and_bits_is_read() -> None:
    written = (
        '{"schema":"s","name":"t","columns":[{"name":"flags","datatype":["int",null,null],'
        '"flag_meanings":[[1,"blended"]]},{"name":"mags","datatype":["float","2",null],"element_names":["g","r"]}]}'
    )
    flags, mags = decode_table(written).columns
    assert (flags.flag_meanings, flags.flag_bits, flags.aliases) == (((1, "blended"),), (), ())
    assert mags.element_names == ("g", "r")


def test_defaults_are_not_written() -> None:
    plain = json.loads(encode_table(NOTES))
    assert plain["columns"][0] == {"name": "source_id", "datatype": ["long", None, None]}


def test_sources_come_back_as_they_were() -> None:
    sources = (SourceFile("a.fits", 1, "00", 2, 3), SourceFile("b.fits", 4, "11", 5))
    assert decode_sources(encode_sources(sources)) == sources


def test_a_field_from_the_future_is_refused_with_the_way_out() -> None:
    plain = json.loads(encode_table(NOTES))
    plain["columns"][0]["is_secret"] = True
    with pytest.raises(CatalogueError, match=r"is_secret in a column.*upgrade"):
        decode_table(json.dumps(plain))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"columns": [{"name": "a"}]}', '{"columns": [1]}'])
def test_a_damaged_description_is_a_catalogue_error(text: str) -> None:
    with pytest.raises(CatalogueError):
        decode_table(text)


def test_what_checks_found_comes_back() -> None:
    checks = (CheckResult("a", Verdict.PASSED), CheckResult("b", Verdict.WARNED, 3, "check b: 3 of 9 rows, Å"))
    sources = (SourceFile("f.csv", 1, "ab", 9),)
    text = encode_sources(sources, checks)
    assert (decode_checks(text), decode_sources(text)) == (checks, sources)
    assert decode_checks(encode_sources(sources)) == ()


@pytest.mark.parametrize("broken", ['{"files":[],"checks":[{"name":"a","verdict":"so-so"}]}', '{"checks":[1]}'])
def test_damaged_checks_are_told(broken: str) -> None:
    with pytest.raises(CatalogueError, match="checks of a release in the catalogue are damaged"):
        decode_checks(broken)
