from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_server.formats.accept import preferred_format
from vo_server.formats.registry import OUTPUT_FORMATS

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        (None, "votable"),
        ("", "votable"),
        ("*/*", "votable"),
        (FIREFOX, "votable"),
        (CHROME, "votable"),
        (JAVA, "votable"),
        ("text/html", "html"),
        ("text/html;q=0.5, text/csv;q=0.4", "html"),
        ("application/json", "json"),
        ("application/json, text/plain, */*", "json"),
        ("text/csv;q=0.5, application/fits", "fits"),
        ("application/fits;q=0.5, text/csv;q=0.6", "csv"),
        ("text/csv, application/fits", "csv"),
        ("*/*, application/vnd.apache.parquet", "parquet"),
        ("*/*;q=0.9, application/vnd.apache.parquet;q=0.1", "votable"),
        ("text/*", "csv"),
        ("application/*;q=0.2, text/*;q=0.3", "csv"),
        ("application/x-votable+xml;serialization=TABLEDATA", "votable/td"),
        ("application/x-votable+xml; q=0.3; serialization=tabledata", "votable/td"),
        ("Application/JSON ; Q=1.0", "json"),
        ("*/*, application/x-votable+xml;q=0", "votable/td"),
        ("text/csv;q=0, text/*", "tsv"),
        ("image/png, video/*", "votable"),
        ("text/csv;q=nan", "votable"),
        ("text/csv;q=-1, application/json;q=1e3", "votable"),
        (";;q=,,/;*,\x7f", "votable"),
        ("csv", "votable"),
    ],
)
def test_a_header_leads_to_a_format(accept: str | None, name: str) -> None:
    assert preferred_format(accept).name == name


def test_the_media_type_that_was_asked_for_comes_back() -> None:
    assert preferred_format("text/xml").content_type == "text/xml"
    assert preferred_format("text/*").content_type == "text/csv;header=present"


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["text", "/", "*", "csv", ";", "q", "=", "0.", ",", " "])).map("".join)
)
def test_nothing_is_an_error(accept: str) -> None:
    assert preferred_format(accept).name in {one.name for one in OUTPUT_FORMATS}


def test_a_long_header_is_read_in_no_time() -> None:
    assert preferred_format("text/csv;q=0.1," * 100_000).name == "csv"
