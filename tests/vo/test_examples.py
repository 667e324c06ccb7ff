from __future__ import annotations

from lxml import etree

from vo_server.vo.examples import Example, examples

XHTML = "{http://www.w3.org/1999/xhtml}"
ONE = Example("s/a b", "Bright < stars", ("Selects & more",), "SELECT a\nFROM s.t WHERE a < 1", ("s.t", 's."d d"'))


def test_an_example_has_name_tables_and_query_as_plain_text() -> None:
    root = etree.fromstring(examples([ONE], title="Examples"))
    (found,) = root.findall(".//*[@typeof='example']")
    assert found.get("resource") == f"#{found.get('id')}" == "#s-a-b"
    texts = {
        name: [one.text for one in found.findall(f".//*[@property='{name}']")] for name in ("name", "query", "table")
    }
    assert texts == {
        "name": ["Bright < stars"],
        "query": ["SELECT a\nFROM s.t WHERE a < 1"],
        "table": ["s.t", 's."d d"'],
    }
    assert all(len(one) == 0 for one in found.findall(".//*[@property]"))


def test_the_vocabulary_is_named_once() -> None:
    root = etree.fromstring(examples([ONE, ONE], title="Examples"))
    assert [one.get("vocab") for one in root.findall(".//*[@vocab]")] == ["http://www.ivoa.net/rdf/examples#"]
    assert root.tag == f"{XHTML}html"


def test_without_examples_the_page_says_so() -> None:
    root = etree.fromstring(examples([], title="Examples"))
    assert "None of the tables" in etree.tostring(root, method="text", encoding="unicode")
