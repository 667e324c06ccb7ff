from __future__ import annotations

import io
import xml.etree.ElementTree as ET  # the documents are our own
from dataclasses import dataclass, replace

import pytest
from pyvo.io.vosi import parse_capabilities

from tests.support.xsd import assert_valid
from vo_server.vo.tapregext import Limit, TapDescription, capabilities

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


@dataclass(frozen=True)
class Group:
    fragment: str
    features: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Format:
    mime: str
    all_aliases: tuple[str, ...]
    ivo_id: str | None


LEAST = TapDescription(
    base_url="http://vo.example.org/tap",
    features=(),
    output_formats=(Format("application/x-votable+xml", ("votable",), None),),
)
MOST = TapDescription(
    base_url="https://vo.example.org/tap/",
    features=(
        Group("features-adqlgeo", (("POINT", None), ("CIRCLE", None))),
        Group("features-udf", (("f(a DOUBLE PRECISION) -> REAL", "F <of> a"),)),
        Group("features-adql-conditional", (("COALESCE", None),)),
        Group("features-adql-sets", ()),
    ),
    output_formats=(
        Format(
            "application/x-votable+xml", ("votable", "votable/b2"), "ivo://ivoa.net/std/TAPRegExt#output-votable-td"
        ),
        Format("text/csv;header=present", ("csv",), None),
    ),
    title="The sky & more",
    upload_methods=("inline", "http"),
    retention_s=Limit(10, 20),
    duration_s=Limit(30, 40),
    output_rows=Limit(50, 60),
    upload_bytes=Limit(70, 80),
    data_models=(("ivo://ivoa.net/std/ObsCore#core-1.1", "ObsCore-1.1"),),
    has_examples=True,
)


def test_the_documents_are_valid(stilts: str) -> None:
    assert_valid(
        stilts,
        {
            "least": capabilities(LEAST),
            "most": capabilities(MOST),
            "legacy": capabilities(replace(MOST, feature_uri_style="legacy")),
        },
    )


def test_only_what_is_described_is_declared() -> None:
    document = capabilities(LEAST)
    for word in (b"uploadMethod", b"languageFeatures", b"dataModel", b"examples", b"outputLimit", b"retentionPeriod"):
        assert word not in document


def test_each_resource_has_its_capability() -> None:
    root = ET.fromstring(capabilities(MOST))
    found = {one.attrib["standardID"]: one.findtext("interface/accessURL") for one in root}
    base = "https://vo.example.org/tap"
    assert found == {
        "ivo://ivoa.net/std/TAP": base,
        "ivo://ivoa.net/std/VOSI#capabilities": f"{base}/capabilities",
        "ivo://ivoa.net/std/VOSI#availability": f"{base}/availability",
        "ivo://ivoa.net/std/VOSI#tables-1.1": f"{base}/tables",
        "ivo://ivoa.net/std/DALI#examples": f"{base}/examples",
    }
    tap = root[0]
    assert tap.attrib[XSI_TYPE] == "tr:TableAccess"
    interface = tap.find("interface")
    assert interface is not None
    assert interface.attrib == {XSI_TYPE: "vs:ParamHTTP", "role": "std", "version": "1.1"}


def test_groups_without_features_are_left_out() -> None:
    types = [one.attrib["type"] for one in ET.fromstring(capabilities(MOST)).iter("languageFeatures")]
    assert types == [
        "ivo://ivoa.net/std/tapregext#features-adqlgeo",
        "ivo://ivoa.net/std/tapregext#features-udf",
        "ivo://ivoa.net/std/tapregext#features-adql-conditional",
    ]


def test_the_legacy_style_spells_what_old_clients_know_in_their_case() -> None:
    document = capabilities(replace(MOST, feature_uri_style="legacy"))
    types = [one.attrib["type"] for one in ET.fromstring(document).iter("languageFeatures")]
    assert types == [
        "ivo://ivoa.net/std/TAPRegExt#features-adqlgeo",
        "ivo://ivoa.net/std/TAPRegExt#features-udf",
        "ivo://ivoa.net/std/tapregext#features-adql-conditional",
    ]


@pytest.mark.parametrize("style", ["lower", "legacy"])
def test_pyvo_reads_the_capabilities(style: str) -> None:
    document = capabilities(replace(MOST, feature_uri_style=style))
    tap = next(one for one in parse_capabilities(io.BytesIO(document)) if one.standardid == "ivo://ivoa.net/std/TAP")
    language = tap.get_adql()
    assert {str(one) for one in (version.content for version in language.versions)} == {"2.0", "2.1"}
    assert [one.form for one in language.get_feature_list("ivo://ivoa.net/std/TAPRegExt#features-udf")] == [
        "f(a DOUBLE PRECISION) -> REAL"
    ]
    assert [one.mime for one in tap.outputformats] == ["application/x-votable+xml", "text/csv;header=present"]
    assert (tap.outputlimit.default.content, tap.outputlimit.hard.content) == (50, 60)
    assert tap.retentionperiod.default == 10
    assert [one.ivo_id for one in tap.uploadmethods] == [
        "ivo://ivoa.net/std/TAPRegExt#upload-inline",
        "ivo://ivoa.net/std/TAPRegExt#upload-http",
    ]
