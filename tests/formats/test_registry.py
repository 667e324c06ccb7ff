from __future__ import annotations

import pytest

from tests.support.xsd import assert_valid
from vo_server.errors import ParameterError
from vo_server.formats.registry import OUTPUT_FORMATS, find_format
from vo_server.vo.tapregext import TapDescription, capabilities


def test_the_default_is_the_first_row() -> None:
    assert OUTPUT_FORMATS[0] is find_format("votable")
    assert find_format("votable").mime == "application/x-votable+xml;serialization=BINARY2"


@pytest.mark.parametrize(
    ("value", "name", "content_type"),
    [
        ("votable", "votable", "application/x-votable+xml;serialization=BINARY2"),
        ("VOTable", "votable", "application/x-votable+xml;serialization=BINARY2"),
        (" votable/b2 ", "votable", "application/x-votable+xml;serialization=BINARY2"),
        ("votable/td", "votable/td", "application/x-votable+xml;serialization=TABLEDATA"),
        ("application/x-votable+xml", "votable", "application/x-votable+xml;serialization=BINARY2"),
        ("application/x-votable xml", "votable", "application/x-votable+xml;serialization=BINARY2"),
        (
            "application/x-votable+xml; serialization=BINARY2",
            "votable",
            "application/x-votable+xml;serialization=BINARY2",
        ),
        (
            "APPLICATION/X-VOTABLE+XML ; Serialization = tabledata",
            "votable/td",
            "application/x-votable+xml;serialization=tabledata",
        ),
        (
            'application/x-votable+xml;charset="UTF-8";serialization="TABLEDATA"',
            "votable/td",
            "application/x-votable+xml;serialization=TABLEDATA;charset=UTF-8",
        ),
        ("text/xml", "votable/td", "text/xml"),
        ("text/xml;charset=utf-8", "votable/td", "text/xml;charset=utf-8"),
        ("csv", "csv", "text/csv;header=present"),
        ("text/csv", "csv", "text/csv;header=present"),
        ("text/csv; header=present", "csv", "text/csv;header=present"),
        ("fits", "fits", "application/fits"),
        ("application/FITS", "fits", "application/FITS".lower()),
        ("parquet", "parquet", "application/vnd.apache.parquet"),
        ("application/x-parquet", "parquet", "application/x-parquet"),
        ("arrow", "arrow", "application/vnd.apache.arrow.stream"),
        ("ecsv", "ecsv", "text/x-ecsv"),
        ("json", "json", "application/json"),
        ("application/json;charset=utf-8", "json", "application/json;charset=utf-8"),
        ("jsonl", "jsonl", "application/x-ndjson"),
        ("ndjson", "jsonl", "application/x-ndjson"),
        ("application/jsonl", "jsonl", "application/jsonl"),
        ("html", "html", "text/html"),
        ("tsv", "tsv", "text/tab-separated-values"),
        ("text/tab-separated-values", "tsv", "text/tab-separated-values"),
    ],
)
def test_a_format_is_found_by_all_its_names(value: str, name: str, content_type: str) -> None:
    found = find_format(value)
    assert (found.name, found.content_type) == (name, content_type)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "fits-plus",
        "application/vnd.apache.arrow.file",
        "image/png",
        "votable/fits",
        "application/x-votable+xml;serialization=BINARY",
        "application/x-votable+xml;content=datalink",
        "text/csv;header=absent",
        "text/csv;charset=latin-1",
        "text/xml;serialization=TABLEDATA",
    ],
)
def test_an_unknown_format_is_refused_with_what_there_is(value: str) -> None:
    with pytest.raises(ParameterError) as caught:
        find_format(value)
    assert caught.value.name == "RESPONSEFORMAT"
    for one in OUTPUT_FORMATS:
        assert one.name in caught.value.message


def test_every_name_in_the_registry_finds_its_own_row() -> None:
    for one in OUTPUT_FORMATS:
        for value in (one.mime, *one.all_aliases):
            assert find_format(value).name == one.name


def test_the_registry_and_the_writers_agree_on_the_media_type() -> None:
    assert [one.mime for one in OUTPUT_FORMATS] == [one.writer.mime for one in OUTPUT_FORMATS]


def test_the_formats_are_declared_in_a_valid_document(stilts: str) -> None:
    described = TapDescription(base_url="http://vo.example.org/tap", features=(), output_formats=OUTPUT_FORMATS)
    document = capabilities(described)
    assert_valid(stilts, {"capabilities": document})
    for one in OUTPUT_FORMATS:
        assert f"<mime>{one.mime}</mime>" in document.decode()
        assert f"<alias>{one.name}</alias>" in document.decode()


def test_no_name_means_two_formats() -> None:
    names = [name.lower() for one in OUTPUT_FORMATS for name in (one.mime, *one.all_aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("value", "near"),
    [("cvs", "csv"), ("vot", "votable"), ("Votable/TB", "votable/td"), ("application/fit", "application/fits")],
)
def test_a_mistyped_format_is_answered_with_the_nearest_one(value: str, near: str) -> None:
    with pytest.raises(ParameterError) as caught:
        find_format(value, parameter="--format")
    assert caught.value.hint == f"did you mean {near}?"
    assert caught.value.message.startswith(f"parameter --format has the value {value!r}; expected one of votable, ")


def test_the_message_of_an_unknown_format_is_short() -> None:
    with pytest.raises(ParameterError) as caught:
        find_format("nonsense")
    assert caught.value.hint is None
    assert len(str(caught.value)) < 200
