from __future__ import annotations

from dataclasses import replace

from lxml import html

from tests.formats import endings
from tests.formats.samples import EVERYTHING, P, batch_of, column, sample, until_error, written
from vo_server.errors import EngineError, MissingError
from vo_server.formats.html import HtmlWriter
from vo_server.model.provenance import Link

EVIL = "<script>alert(1)</script> & \"quotes\" 'too'"
TEXT = column("s", P.CHAR, "*")


def page(document: bytes) -> html.HtmlElement:
    return html.document_fromstring(document.decode())


def rows(document: bytes) -> list[list[str]]:
    return [[cell.text_content() for cell in row] for row in page(document).xpath("//tbody/tr")]


def test_a_page_has_a_table_of_the_rows() -> None:
    columns, batch = sample(EVERYTHING)
    found = rows(written(HtmlWriter(), columns, batch))
    assert [len(row) for row in found] == [len(columns)] * 3
    assert found[1][:5] == ["F", "255", "32767", "2147483647", "9223372036854775807"]
    assert found[0][9] == 'a <b> & "c"'
    assert found[0][12] == "é 中 😀"


def test_the_head_of_a_column_has_its_metadata() -> None:
    one = replace(TEXT, unit="km/s", ucd="a;b", description=EVIL)
    (head,) = page(written(HtmlWriter(), [one])).xpath("//thead/tr/th")
    assert (head.get("scope"), head.get("title"), head.text) == ("col", "a;b", "s")
    assert [small.text for small in head] == ["[km/s]", EVIL]


def test_nothing_in_the_data_becomes_markup() -> None:
    one = replace(TEXT, name=EVIL, description=EVIL, unit=EVIL, ucd=EVIL)
    document = written(HtmlWriter(), [one], batch_of([one], [[EVIL, "a\x00b"]]))
    assert page(document).xpath("//script") == []
    assert rows(document) == [[EVIL], ["a\ufffdb"]]
    assert b"<script" not in HtmlWriter().write_error(MissingError(EVIL), query=EVIL)


def test_what_is_known_of_the_result_is_told() -> None:
    found = page(b"".join(HtmlWriter().write(endings.whole())))
    told = {dt.text: dt.getnext().text_content() for dt in found.xpath("//dt")}
    assert told["citation"] == "2020A&A...1..1X (<the paper>)"
    assert found.xpath("//dd/a/@href") == ["https://example.org/doi"]
    assert found.xpath("//p/text()") == ["2 rows"]


def test_a_link_that_is_no_address_is_not_linked() -> None:
    result = endings.whole()
    result.links = (Link("javascript:alert(1)", "click"),)
    assert page(b"".join(HtmlWriter().write(result))).xpath("//a") == []


def test_an_overflow_is_an_alert() -> None:
    (alert,) = page(b"".join(HtmlWriter().write(endings.cut()))).xpath("//p[@role='alert']")
    assert alert.text.startswith("OVERFLOW: cut by the MAXREC=2")
    assert len(page(b"".join(HtmlWriter().write(endings.cut_before()))).xpath("//p[@role='alert']")) == 1


def test_an_error_in_the_middle_is_an_alert_and_raised() -> None:
    document = b"".join(until_error(HtmlWriter().write(endings.broken()), EngineError))
    (alert,) = page(document).xpath("//p[@role='alert']")
    assert alert.text == "ERROR: the database went away"
    assert rows(document) == [["1"], ["2"]]


def test_what_a_page_cannot_carry_is_told() -> None:
    document = written(HtmlWriter(), [TEXT], batch_of([TEXT], [["", None]]))
    assert page(document).xpath("//p/text()") == [
        "2 rows",
        "column s: NULL and the empty text are both written as an empty cell",
    ]


def test_the_error_document_is_a_page() -> None:
    found = page(HtmlWriter().write_error(MissingError("no table é"), query="SELECT 1"))
    assert found.xpath("//p/text()") == ["ERROR: no table é"]
    assert found.xpath("//pre/text()") == ["SELECT 1"]
