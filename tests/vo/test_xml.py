from __future__ import annotations

import xml.etree.ElementTree as ET  # the documents are our own

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_server.vo.xml import XmlWriter, attributes, escape_attribute, escape_text

LEGAL = st.text(
    st.characters(exclude_categories=["Cs"]).filter(
        lambda one: one in "\t\n\r" or (ord(one) >= 0x20 and one not in "\ufffe\uffff")
    )
)


@given(LEGAL)
def test_text_comes_back_as_it_was(text: str) -> None:
    assert (ET.fromstring(f"<a>{escape_text(text)}</a>").text or "") == text


@given(LEGAL)
def test_an_attribute_comes_back_as_it_was(text: str) -> None:
    assert ET.fromstring(f'<a b="{escape_attribute(text)}"/>').attrib["b"] == text


@pytest.mark.parametrize("bad", ["\0", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_cannot_hold_is_replaced_visibly(bad: str) -> None:
    assert escape_text(f"a{bad}b") == "a\ufffdb"
    assert escape_attribute(f"a{bad}b") == "a\ufffdb"


def test_attributes_that_are_none_are_left_out() -> None:
    assert attributes({"a": "1", "b": None, "c": ""}) == ' a="1" c=""'


def test_the_writer_nests_elements_and_leaves_out_what_is_empty() -> None:
    writer = XmlWriter()
    with writer.element("a", {"x": "é"}):
        writer.leaf("b", "<")
        writer.leaf("c")
        writer.leaf("d", "")
        writer.optional("e", None)
        writer.optional("f", "")
        writer.optional("g", "h")
    assert writer.to_bytes().decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<a x="é">\n  <b>&lt;</b>\n  <c/>\n  <d></d>\n  <g>h</g>\n</a>\n'
    )
