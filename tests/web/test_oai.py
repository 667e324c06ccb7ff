"""The publishing registry over HTTP: every verb, lists in parts, changes, deletions, mistakes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import mocpy
import pyarrow as pa
import pytest
from astropy import units
from lxml import etree

from tests.support.answers import texts
from tests.support.cones import places
from tests.support.service import Service, publish
from tests.support.users import add_user
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, Table

OAI = "{http://www.openarchives.org/OAI/2.0/}"
SKY = "ivo://example.org/tap/cone.sky"
PASSING = Table("passing", "table", (Column("a", DataType(Primitive.INT)),), description="For a while")
PASSING_ID = "ivo://example.org/tap/passing.table"
SERVICE = "ivo://example.org/tap"
BROKEN = Table(
    "passing",
    "broken",
    (
        Column("ra", DataType(Primitive.DOUBLE), unit="deg"),
        Column("dec", DataType(Primitive.DOUBLE), unit="deg"),
        Column(HEALPIX_COLUMN, DataType(Primitive.LONG), is_hidden=True),
    ),
    position=Position("ra", "dec"),
)
OWN = ["ivo://example.org", "ivo://example.org/org", "ivo://example.org/registry", "ivo://example.org/tap"]


def ask(server: Service, **arguments: str) -> etree._Element:
    answer = httpx.get(f"{server.url}/oai", params=arguments, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    return etree.fromstring(answer.content)


def code_of(root: etree._Element) -> str:
    (error,) = root.findall(f"{OAI}error")
    assert error.text
    return str(error.get("code"))


def headers_of(root: etree._Element) -> dict[str, etree._Element]:
    return {one.findtext(f"{OAI}identifier") or "": one for one in root.iter(f"{OAI}header")}


def all_of(server: Service, verb: str = "ListIdentifiers", **arguments: str) -> list[etree._Element]:
    """Return all parts of a list, following the tokens."""
    parts = [ask(server, verb=verb, **({"metadataPrefix": "ivo_vor"} | arguments))]
    while token := parts[-1].findtext(f".//{OAI}resumptionToken"):
        parts.append(ask(server, verb=verb, resumptionToken=token))
    return parts


def states_of(part: etree._Element) -> list[tuple[str, str | None]]:
    """Return identifiers and times of the records of a part."""
    return [(name, header.findtext(f"{OAI}datestamp")) for name, header in headers_of(part).items()]


def record_of(server: Service, identifier: str, prefix: str = "ivo_vor") -> etree._Element:
    root = ask(server, verb="GetRecord", metadataPrefix=prefix, identifier=identifier)
    metadata = root.find(f".//{OAI}metadata")
    assert metadata is not None, etree.tostring(root)
    return metadata[0]


def stamp_of(server: Service, identifier: str) -> datetime:
    for part in all_of(server):
        if identifier in headers_of(part):
            return datetime.fromisoformat(headers_of(part)[identifier].findtext(f"{OAI}datestamp") or "")
    raise AssertionError(identifier)


@contextmanager
def published(server: Service) -> Iterator[None]:
    """Publish a table for a while."""
    rows = pa.table({"a": pa.array([1], pa.int32())}, schema=arrow_schema(PASSING.columns))
    publish(server.context, PASSING, rows, version=f"{time.monotonic_ns()}")
    try:
        yield
    finally:
        for location in server.context.store.catalogue.remove("passing.table"):
            server.context.engine.drop(location)


def test_identify_tells_who_keeps_the_registry(registry_server: Service) -> None:
    root = ask(registry_server, verb="Identify")
    told = {etree.QName(one).localname: one.text for one in root.iterfind(f"{OAI}Identify/*")}
    assert told["baseURL"] == "http://vo.example.org/oai"
    assert told["adminEmail"] == "vo@example.org"
    assert told["deletedRecord"] == "persistent"
    assert texts(root, "//*[local-name()='Resource']/managedAuthority/text()") == ["example.org"]


def test_both_formats_are_there(registry_server: Service) -> None:
    for given in ({}, {"identifier": SKY}):
        root = ask(registry_server, verb="ListMetadataFormats", **given)
        assert [one.text for one in root.iter(f"{OAI}metadataPrefix")] == ["ivo_vor", "oai_dc"]


def test_there_is_one_set(registry_server: Service) -> None:
    assert [one.text for one in ask(registry_server, verb="ListSets").iter(f"{OAI}setSpec")] == ["ivo_managed"]


@pytest.mark.parametrize("verb", ["ListIdentifiers", "ListRecords"])
def test_the_parts_of_a_list_have_every_record_once(verb: str, registry_server: Service) -> None:
    parts = all_of(registry_server, verb, set="ivo_managed")
    assert [len(headers_of(part)) for part in parts[:-1]] == [4] * (len(parts) - 1)
    assert len(parts) >= 3
    found = [name for part in parts for name in headers_of(part)]
    assert len(found) == len(set(found))
    tables = ["keyless", "measures", "od=22d=20pairs", "points", "sky"]
    expected = {*OWN, *(f"ivo://example.org/tap/cone.{name}" for name in tables)}
    assert expected == {name for name in found if not name.startswith("ivo://example.org/tap/passing")}
    sizes = {one.get("completeListSize") for part in parts for one in part.iter(f"{OAI}resumptionToken")}
    assert sizes == {str(len(found))}
    last = parts[-1].find(f".//{OAI}resumptionToken")
    assert last is not None
    assert not last.text


def test_a_post_does_the_same(registry_server: Service) -> None:
    answer = httpx.post(f"{registry_server.url}/oai", data={"verb": "ListSets"}, timeout=60)
    assert b"<setSpec>ivo_managed<" in answer.content


def test_the_elements_of_a_record_have_no_namespace(registry_server: Service) -> None:
    record = record_of(registry_server, SKY)
    assert record.tag == "{http://www.ivoa.net/xml/RegistryInterface/v1.0}Resource"
    assert {one.tag for one in record} >= {"title", "curation", "content", "capability", "tableset"}


def test_a_record_tells_the_provenance_of_its_table(registry_server: Service) -> None:
    record = record_of(registry_server, SKY.upper().replace("IVO", "ivo"))
    assert record.findtext("identifier") == SKY
    assert record.findtext("altIdentifier") == "doi:10.5281/zenodo.1234567"
    assert texts(record, "curation/creator/name/text()") == ["Ångström, A.", "Doe, J."]
    assert texts(record, "curation/date[@role='Created']/text()") == ["2026-03-31"]
    assert record.findtext("content/referenceURL") == "https://example.org/sky"
    assert texts(record, "rights/@rightsURI") == ["https://spdx.org/licenses/CC-BY-4.0.html"]
    assert texts(record, "content/relationship[relationshipType='IsServedBy']/relatedResource/@ivo-id") == [
        "ivo://example.org/tap"
    ]


def test_tables_with_positions_have_a_cone_search_and_all_are_served_by_tap(registry_server: Service) -> None:
    standards = "capability/@standardID"
    tap, cone = "ivo://ivoa.net/std/TAP#aux", "ivo://ivoa.net/std/ConeSearch"
    assert texts(record_of(registry_server, SKY), standards) == [tap, cone]
    assert texts(record_of(registry_server, SKY.replace("sky", "measures")), standards) == [tap]


def test_the_record_of_the_service_is_what_the_service_tells_itself(registry_server: Service) -> None:
    record = record_of(registry_server, "ivo://example.org/tap")

    def canonical(nodes: list[etree._Element]) -> list[bytes]:
        cleaned = []
        for node in nodes:
            parser = etree.XMLParser(remove_blank_text=True)
            one = etree.fromstring(etree.tostring(node), parser)
            etree.cleanup_namespaces(one)
            cleaned.append(etree.tostring(one, method="c14n", exclusive=True))
        return cleaned

    told = etree.fromstring(httpx.get(f"{registry_server.tap}/capabilities", timeout=60).content)
    assert canonical(record.findall("capability")) == canonical(told.findall("capability"))
    tables = etree.fromstring(httpx.get(f"{registry_server.tap}/tables", timeout=60).content)
    assert canonical(record.findall("tableset/schema")) == canonical(tables.findall("schema"))


def test_a_record_tells_where_in_the_sky_the_rows_are(registry_server: Service, tmp_path: Path) -> None:
    record = record_of(registry_server, SKY)
    (coarse,), (url,) = texts(record, "coverage/spatial/text()"), texts(record, "coverage/footprint/text()")
    moc = mocpy.MOC.from_string(coarse)
    ra, dec = places()
    assert moc.max_order <= 5
    assert moc.contains_lonlat(ra * units.deg, dec * units.deg).all()
    file = tmp_path / "moc.fits"
    file.write_bytes(httpx.get(url.replace("http://vo.example.org", registry_server.url), timeout=60).content)
    fine = mocpy.MOC.load(file, "fits")
    assert fine.contains_lonlat(ra * units.deg, dec * units.deg).all()
    assert fine.difference(moc).empty()
    assert record_of(registry_server, SKY.replace("sky", "measures")).find("coverage") is None


def test_a_table_that_cannot_be_read_keeps_no_record_from_harvesters(registry_server: Service) -> None:
    rows = pa.table({"ra": [1.0], "dec": [2.0], HEALPIX_COLUMN: [5]}, schema=arrow_schema(BROKEN.columns))
    publish(registry_server.context, BROKEN, rows)
    (release,) = registry_server.context.store.catalogue.releases("passing.broken")
    assert release.table.location is not None
    registry_server.context.engine.drop(release.table.location)
    try:
        record = record_of(registry_server, "ivo://example.org/tap/passing.broken")
        assert record.find("capability/maxSR") is not None
        assert record.find("capability/testQuery") is None
    finally:
        registry_server.context.store.catalogue.remove("passing.broken")


def test_dublin_core_tells_the_same_in_short(registry_server: Service) -> None:
    record = record_of(registry_server, SKY, "oai_dc")
    told = [(etree.QName(one).localname, one.text) for one in record]
    assert ("identifier", SKY) in told
    assert [text for name, text in told if name == "creator"] == ["Ångström, A.", "Doe, J."]


def test_a_new_table_is_listed_and_a_dropped_one_stays_as_deleted(registry_server: Service) -> None:
    before = stamp_of(registry_server, SKY)
    with published(registry_server):
        made = stamp_of(registry_server, PASSING_ID)
        assert record_of(registry_server, PASSING_ID).findtext("content/description") == "For a while"
        time.sleep(1.1)
    gone = ask(registry_server, verb="GetRecord", metadataPrefix="ivo_vor", identifier=PASSING_ID)
    header = headers_of(gone)[PASSING_ID]
    assert header.get("status") == "deleted"
    assert gone.find(f".//{OAI}metadata") is None
    removed = datetime.fromisoformat(header.findtext(f"{OAI}datestamp") or "")
    assert removed > made
    since = removed.strftime("%Y-%m-%dT%H:%M:%SZ")
    changed = [name for part in all_of(registry_server, **{"from": since}) for name in headers_of(part)]
    assert PASSING_ID in changed
    assert SKY not in changed
    assert stamp_of(registry_server, SKY) == before
    formats = ask(registry_server, verb="ListMetadataFormats", identifier=PASSING_ID)
    assert code_of(formats) == "noMetadataFormats"


def test_a_record_that_came_back_is_active_again(registry_server: Service) -> None:
    with published(registry_server):
        stamp_of(registry_server, PASSING_ID)
    with published(registry_server):
        header = ask(registry_server, verb="GetRecord", metadataPrefix="oai_dc", identifier=PASSING_ID)
        assert headers_of(header)[PASSING_ID].get("status") is None


def test_times_are_inclusive_and_days_are_whole(registry_server: Service) -> None:
    stamp = stamp_of(registry_server, SKY)
    second, day = stamp.strftime("%Y-%m-%dT%H:%M:%SZ"), stamp.strftime("%Y-%m-%d")
    for given in ({"from": second, "until": second}, {"from": day, "until": day}, {"until": second}, {"from": day}):
        assert SKY in [name for part in all_of(registry_server, **given) for name in headers_of(part)]
    later = (stamp + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    earlier = (stamp - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    root = ask(registry_server, verb="ListIdentifiers", metadataPrefix="ivo_vor", until=earlier)
    assert code_of(root) == "noRecordsMatch"
    future = ask(registry_server, verb="ListIdentifiers", metadataPrefix="ivo_vor", **{"from": "2999-01-01"})
    assert code_of(future) == "noRecordsMatch"
    assert later > second


def test_a_list_goes_on_where_it_was_when_a_record_changes_meanwhile(registry_server: Service) -> None:
    part = ask(registry_server, verb="ListIdentifiers", metadataPrefix="ivo_vor")
    seen = states_of(part)
    time.sleep(1.1)
    with published(registry_server):
        while token := part.findtext(f".//{OAI}resumptionToken"):
            part = ask(registry_server, verb="ListIdentifiers", resumptionToken=token)
            seen += states_of(part)
    # A record that has changed comes again, as it is now: the service itself, which has a table more.
    assert len(seen) == len(set(seen))
    identifiers = [identifier for identifier, _ in seen]
    assert {one for one in identifiers if identifiers.count(one) > 1} <= {SERVICE}
    assert {PASSING_ID, SKY, SERVICE} <= set(identifiers)


def token(*plain: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


TIME, NO_ZONE = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "badVerb"),
        ("verb=Nonsense", "badVerb"),
        ("verb=Identify&verb=Identify", "badVerb"),
        ("verb=Identify&identifier=x", "badArgument"),
        ("verb=ListRecords", "badArgument"),
        ("verb=GetRecord&metadataPrefix=ivo_vor", "badArgument"),
        ("verb=ListRecords&metadataPrefix=ivo_vor&metadataPrefix=oai_dc", "badArgument"),
        ("verb=ListRecords&metadataPrefix=ivo_vor&from=yesterday", "badArgument"),
        ("verb=ListRecords&metadataPrefix=ivo_vor&from=2026-02-30", "badArgument"),
        ("verb=ListRecords&metadataPrefix=ivo_vor&from=2026-01-02&until=2026-01-01", "badArgument"),
        ("verb=ListRecords&metadataPrefix=ivo_vor&from=2026-01-01&until=2026-01-01T00:00:00Z", "badArgument"),
        ("verb=ListRecords&metadataPrefix=ivo_vor&resumptionToken=x", "badArgument"),
        ("verb=ListRecords&resumptionToken=nonsense", "badResumptionToken"),
        ("verb=ListRecords&resumptionToken=W10", "badResumptionToken"),
        (f"verb=ListRecords&resumptionToken={token('ivo_vor', None, None, NO_ZONE, 'a', 1)}", "badResumptionToken"),
        (f"verb=ListRecords&resumptionToken={token('ivo_vor', NO_ZONE, None, TIME, 'a', 1)}", "badResumptionToken"),
        ("verb=ListSets&resumptionToken=x", "badResumptionToken"),
        ("verb=ListRecords&metadataPrefix=marc", "cannotDisseminateFormat"),
        ("verb=GetRecord&metadataPrefix=marc&identifier=ivo://example.org/tap", "cannotDisseminateFormat"),
        ("verb=GetRecord&metadataPrefix=ivo_vor&identifier=ivo://example.org/nothing", "idDoesNotExist"),
        ("verb=ListMetadataFormats&identifier=ivo://example.org/nothing", "idDoesNotExist"),
        ("verb=ListRecords&metadataPrefix=ivo_vor&set=ivo_other", "noRecordsMatch"),
    ],
)
def test_a_mistake_is_told_with_the_code_of_the_protocol(query: str, code: str, registry_server: Service) -> None:
    answer = httpx.get(f"{registry_server.url}/oai?{query}", timeout=60)
    assert answer.status_code == 200
    root = etree.fromstring(answer.content)
    assert code_of(root) == code
    request = root.find(f"{OAI}request")
    assert request is not None
    assert bool(request.attrib) == (code not in {"badVerb", "badArgument"})


def test_tables_of_users_are_not_in_the_registry(registry_server: Service) -> None:
    name, token = add_user(registry_server)
    headers = {"Authorization": f"Bearer {token}"}
    data = {"QUERY": "SELECT source_id FROM cone.sky WHERE dec > 89.9", "SAVE_AS": "mine"}
    assert httpx.post(f"{registry_server.tap}/sync", data=data, headers=headers, timeout=60).status_code == 200
    everything = "".join(name for part in all_of(registry_server) for name in headers_of(part))
    assert name not in everything


def test_without_settings_it_is_told_which_are_missing(cone_server: Service) -> None:
    answer = httpx.get(f"{cone_server.url}/oai", params={"verb": "Identify"}, timeout=60)
    assert answer.status_code == 404
    for name in ("VO_SERVER__IVOID", "VO_SERVER__CONTACT", "VO_SERVER__PUBLIC_URL"):
        assert name in answer.text
    assert "VO_SERVER__PUBLISHER" not in answer.text, "the tests set it"


def test_records_carry_the_time_of_their_last_change(registry_server: Service) -> None:
    record = record_of(registry_server, SKY)
    updated = datetime.fromisoformat(record.get("updated") or "")
    assert updated == stamp_of(registry_server, SKY)
    assert updated <= datetime.now(UTC)
