"""Cone searches over HTTP, on both engines, against an oracle that looks at each row."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html import unescape
from urllib.parse import quote

import httpx
import pytest
from astropy.io import votable
from astropy.io.votable.tree import TableElement
from lxml import etree

from tests.support.cones import expected_ids, places
from tests.support.service import Service
from tests.support.users import add_user

PLACES = [
    (0.0, 90.0, 0.5),
    (200.0, 89.9, 0.7),
    (0.0, -90.0, 0.5),
    (77.0, -89.8, 1.0),
    (0.0, 10.0, 0.2),
    (360.0, 10.0, 0.2),
    (359.95, 10.1, 0.3),
    (0.05, 9.9, 0.3),
    (120.0, 30.0, 5.0),
    (300.0, 0.0, 90.0),
    (45.0, 45.0, 1e-9),
]


def cone_url(server: Service, table: str = "cone.sky") -> str:
    return f"{server.url}/scs/{quote(table)}"


def ask(server: Service, table: str = "cone.sky", /, **parameters: object) -> httpx.Response:
    return httpx.get(cone_url(server, table), params={key: str(value) for key, value in parameters.items()}, timeout=30)


def table_of(answer: httpx.Response) -> TableElement:
    assert answer.status_code == 200, answer.text
    return votable.parse(io.BytesIO(answer.content)).get_first_table()


def column_with(table: TableElement, ucd: str) -> list[str]:
    (field,) = [one for one in table.fields if one.ucd == ucd]
    return [str(value) for value in table.array[field.ID]]


def error_of(answer: httpx.Response) -> str:
    """Return the message where SCS 1.03 has it: one INFO called Error, child of VOTABLE."""
    assert answer.headers["Content-Type"] == "text/xml"
    root = etree.fromstring(answer.content)
    (told,) = [one for one in root.iter("{*}INFO", "{*}PARAM") if one.get("name") == "Error"]
    assert told.getparent() is root
    assert told.get("ID") == "Error"
    assert root.find(".//{*}TABLE") is None
    return told.get("value") or ""


@pytest.mark.parametrize("place", PLACES, ids=lambda place: "{}/{}/{}".format(*place))
def test_a_cone_has_the_rows_of_the_oracle(place: tuple[float, float, float], cone_server: Service) -> None:
    ra, dec, radius = place
    found = column_with(table_of(ask(cone_server, RA=ra, DEC=dec, SR=radius, MAXREC=10_000)), "ID_MAIN")
    assert len(found) == len(set(found))
    assert set(found) == expected_ids(ra, dec, radius)


def test_the_whole_sky_is_a_cone(cone_server: Service) -> None:
    found = column_with(table_of(ask(cone_server, RA=10, DEC=-20, SR=180, MAXREC=10_000)), "ID_MAIN")
    assert len(found) == places()[0].size


def test_a_right_ascension_may_be_negative(cone_server: Service) -> None:
    found = column_with(table_of(ask(cone_server, RA=-0.05, DEC=10.1, SR=0.3)), "ID_MAIN")
    assert set(found) == expected_ids(359.95, 10.1, 0.3)


@pytest.mark.parametrize("table", ["cone.sky", "cone.keyless", 'cone."od""d pairs"', "cone.points"])
@pytest.mark.parametrize("verbosity", [1, 2, 3])
def test_three_columns_have_the_ucds_and_types_of_the_standard(
    table: str, verbosity: int, cone_server: Service
) -> None:
    fields = table_of(ask(cone_server, table, RA=0, DEC=10, SR=0.2, VERB=verbosity)).fields
    for ucd, types in (
        ("ID_MAIN", {"char", "unicodeChar"}),
        ("POS_EQ_RA_MAIN", {"double"}),
        ("POS_EQ_DEC_MAIN", {"double"}),
    ):
        (field,) = [one for one in fields if one.ucd == ucd]
        assert field.datatype in types
        assert ucd == "ID_MAIN" or str(field.unit) == "deg"
    assert not any("meta.main" in (one.ucd or "") for one in fields)


@pytest.mark.parametrize(
    ("verbosity", "names"),
    [
        (1, ["ra", "dec", "source_id"]),
        (2, ["ra", "dec", "source_id", "mag"]),
        (3, ["ra", "dec", "source_id", "mag", "name"]),
    ],
)
def test_verb_chooses_the_columns(verbosity: int, names: list[str], cone_server: Service) -> None:
    fields = table_of(ask(cone_server, RA=0, DEC=10, SR=0.2, VERB=verbosity)).fields
    assert [one.name for one in fields] == names


def test_without_verb_the_principal_columns_come(cone_server: Service) -> None:
    assert [one.name for one in table_of(ask(cone_server, RA=0, DEC=10, SR=0.2)).fields][-1] == "mag"


def test_an_identifier_keeps_all_its_digits_and_its_description(cone_server: Service) -> None:
    table = table_of(ask(cone_server, RA=45, DEC=45, SR=1e-6))
    assert column_with(table, "ID_MAIN") == [str(2**60 + places()[0].size - 1)]
    assert table.get_field_by_id("source_id").description == "Identifier"


def test_a_key_of_two_columns_is_one_identifier(cone_server: Service) -> None:
    table = table_of(ask(cone_server, 'cone."od""d pairs"', RA=45, DEC=45, SR=1e-6))
    last = places()[0].size - 1
    assert column_with(table, "ID_MAIN") == [f"T{last // 100} {last % 100}"]
    assert [one.name for one in table.fields] == ["id", "tile id", "number", "ra", "dec"]


def test_rows_without_a_key_are_identified_by_their_place(cone_server: Service) -> None:
    table = table_of(ask(cone_server, "cone.keyless", RA=45, DEC=45, SR=1e-6))
    (identifier,) = column_with(table, "ID_MAIN")
    assert [float(part) for part in identifier.split()] == [45.0, 45.0]
    assert table.fields[0].name == "id_", "the table has a column id"
    many = column_with(table_of(ask(cone_server, "cone.keyless", RA=0, DEC=10, SR=1)), "ID_MAIN")
    assert len(many) > 100
    assert len(set(many)) == len(many)


def test_columns_of_points_become_two_numbers(cone_server: Service) -> None:
    table = table_of(ask(cone_server, "cone.points", RA=0, DEC=90, SR=1e-6, VERB=1))
    assert column_with(table, "POS_EQ_DEC_MAIN") == ["90.0"]
    assert [one.name for one in table.fields] == ["ra", "dec", "number"]


def test_maxrec_0_is_for_the_columns_alone(cone_server: Service) -> None:
    answer = ask(cone_server, RA=0, DEC=10, SR=90, MAXREC=0)
    table = table_of(answer)
    assert len(table.array) == 0
    assert len(table.fields) == 4
    assert b'name="QUERY_STATUS" value="OVERFLOW"' in answer.content


def test_a_radius_of_0_gives_the_columns_and_what_lies_exactly_there(cone_server: Service) -> None:
    assert len(table_of(ask(cone_server, RA=12, DEC=34, SR=0)).array) == 0
    assert len(table_of(ask(cone_server, RA=45, DEC=45, SR=0)).array) == 1


def test_too_many_rows_are_told(cone_server: Service) -> None:
    answer = ask(cone_server, RA=0, DEC=10, SR=90, MAXREC=7)
    assert len(table_of(answer).array) == 7
    assert b'name="QUERY_STATUS" value="OVERFLOW"' in answer.content
    assert b'name="QUERY_STATUS" value="OVERFLOW"' not in ask(cone_server, RA=45, DEC=45, SR=0, MAXREC=1).content


def test_the_limit_of_the_service_holds_without_maxrec(cone_server: Service) -> None:
    answer = ask(cone_server, RA=0, DEC=10, SR=180)
    assert len(table_of(answer).array) == 1_000
    assert answer.headers["X-VO-Maxrec"] == "1000"


def test_no_rows_are_a_table(cone_server: Service) -> None:
    assert len(table_of(ask(cone_server, RA=12, DEC=34, SR=1e-7)).array) == 0


@pytest.mark.parametrize(
    ("asked", "told"), [(None, "text/xml"), ("votable", "application/x-votable+xml"), ("csv", "text/csv")]
)
def test_the_format_is_text_xml_or_what_is_asked_for(asked: str | None, told: str, cone_server: Service) -> None:
    given = {} if asked is None else {"RESPONSEFORMAT": asked}
    answer = ask(cone_server, RA=45, DEC=45, SR=0.001, **given)
    assert answer.headers["Content-Type"].split(";")[0] == told
    assert str(2**60 + places()[0].size - 1).encode() in answer.content or asked == "votable"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"RA": "10", "DEC": "20"}, ["SR", "radius", "from 0 to 180"]),
        ({}, ["RA", "RA=10.684&DEC=41.269&SR=0.1"]),
        ({"RA": "abc", "DEC": "20", "SR": "1"}, ["RA", "abc", "degrees"]),
        ({"RA": "10:20:30", "DEC": "20", "SR": "1"}, ["sexagesimal", "RA=155.125"]),
        ({"RA": "10", "DEC": "-00:30:00", "SR": "1"}, ["sexagesimal", "DEC=-0.5"]),
        ({"RA": "10", "DEC": "91", "SR": "1"}, ["DEC", "91", "-90 to 90"]),
        ({"RA": "361", "DEC": "0", "SR": "1"}, ["RA", "361"]),
        ({"RA": "nan", "DEC": "0", "SR": "1"}, ["RA", "nan"]),
        ({"RA": "10,5", "DEC": "0", "SR": "1"}, ["write RA=10.5"]),
        ({"RA": "1" * 5000 + ":1", "DEC": "0", "SR": "1"}, ["RA", "111"]),
        ({"RA": "1:" + "1" * 400, "DEC": "0", "SR": "1"}, ["RA", "1:111"]),
        ({"RA": "1e999", "DEC": "0", "SR": "1"}, ["RA", "1e999"]),
        ({"RA": "10", "DEC": "0", "SR": "-1"}, ["SR", "-1"]),
        ({"RA": "10", "DEC": "0", "SR": "181"}, ["SR", "181"]),
        ({"RA": "10", "DEC": "0", "SR": "1", "VERB": "9"}, ["VERB", "9"]),
        ({"RA": "10", "DEC": "0", "SR": "1", "MAXREC": "-1"}, ["MAXREC", "-1"]),
        ({"RA": "10", "DEC": "0", "SR": "1", "RESPONSEFORMAT": "nonsense"}, ["RESPONSEFORMAT", "nonsense"]),
        ({"RA": "1); DROP TABLE x; --", "DEC": "0", "SR": "1"}, ["RA", "DROP TABLE"]),
        ({"RA": '"<&', "DEC": "0", "SR": "1"}, ['"<&']),
    ],
)
def test_a_mistake_is_told_in_the_document_of_the_standard(
    given: dict[str, str], words: list[str], cone_server: Service
) -> None:
    answer = ask(cone_server, **given)
    assert answer.status_code == 200
    assert answer.headers["X-VO-Error"] == "parameter"
    message = error_of(answer)
    assert [word for word in words if word not in message] == []


def test_a_parameter_given_twice_is_refused_unless_it_says_the_same(cone_server: Service) -> None:
    url = cone_url(cone_server)
    assert "another was given" in error_of(httpx.get(f"{url}?RA=1&RA=2&DEC=0&SR=1", timeout=60))
    assert httpx.get(f"{url}?RA=1&ra=1&DEC=0&SR=1", timeout=60).headers.get("X-VO-Error") is None


def test_names_count_without_case_and_unknown_ones_are_ignored(cone_server: Service) -> None:
    answer = httpx.get(cone_url(cone_server), params={"ra": "45", "Dec": "+45", "sr": "1e-3", "foo": "bar"}, timeout=60)
    assert len(table_of(answer).array) == 1


def test_a_post_does_the_same(cone_server: Service) -> None:
    answer = httpx.post(cone_url(cone_server), data={"RA": "45", "DEC": "45", "SR": "0.001"}, timeout=60)
    assert len(table_of(answer).array) == 1


@pytest.mark.parametrize("table", ["cone.nothing", "cone.measures", "tap_schema.tables"])
def test_a_table_that_is_not_there_or_has_no_positions_is_told(table: str, cone_server: Service) -> None:
    answer = ask(cone_server, table, RA=1, DEC=1, SR=1)
    assert answer.status_code == 404
    assert table in error_of(answer)


def test_a_table_of_a_user_is_searched_by_its_owner_alone(cone_server: Service) -> None:
    name, token = add_user(cone_server)
    headers = {"Authorization": f"Bearer {token}"}
    made = httpx.post(
        f"{cone_server.tap}/sync",
        data={"QUERY": "SELECT source_id, ra, dec FROM cone.sky WHERE dec > 89.9", "SAVE_AS": "mine"},
        headers=headers,
        timeout=60,
    )
    assert made.status_code == 200, made.text
    asked = {"RA": "0", "DEC": "90", "SR": "0.05"}
    url = f"{cone_server.url}/scs/u_{name}.mine"
    owners = table_of(httpx.get(url, params=asked, headers=headers, timeout=60))
    assert set(column_with(owners, "ID_MAIN")) == expected_ids(0, 90, 0.05)
    stranger = httpx.get(url, params=asked, timeout=60)
    assert stranger.status_code == 404
    assert "no table" in error_of(stranger)
    assert httpx.get(f"{url}/capabilities", timeout=60).status_code == 404


def test_the_answer_tells_its_protocol_and_the_query_that_was_run(cone_server: Service) -> None:
    notes = {
        info.name: info.value
        for info in votable.parse(io.BytesIO(ask(cone_server, RA=45, DEC=45, SR=0.1).content)).resources[0].infos
    }
    assert notes["standardID"] == notes["service_protocol"] == "ivo://ivoa.net/std/ConeSearch"
    again = httpx.get(
        f"{cone_server.tap}/sync", params={"LANG": "ADQL", "QUERY": notes["QUERY"], "FORMAT": "csv"}, timeout=60
    )
    assert len(again.text.splitlines()) - 1 == len(expected_ids(45, 45, 0.1))


def test_positions_have_their_frame(cone_server: Service) -> None:
    root = etree.fromstring(ask(cone_server, RA=45, DEC=45, SR=0.1).content)
    assert [one.get("name") for one in root.iter("{*}FIELD") if one.get("ref") == "icrs"] == ["ra", "dec"]


def test_many_searches_at_once_are_all_right(cone_server: Service) -> None:
    ra, dec = places()

    def one(number: int) -> bool:
        found = column_with(table_of(ask(cone_server, RA=ra[number], DEC=dec[number], SR=0.5)), "ID_MAIN")
        return set(found) == expected_ids(ra[number], dec[number], 0.5)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(one, range(0, 2_600, 40)))


@contextmanager
def one_place(server: Service) -> Iterator[None]:
    """Have one query run at a time, and nobody wait."""
    gate = type(server.site.gate)(1)
    with server.changed(gate=gate):
        yield


def test_a_search_passes_the_same_gate_as_queries(cone_server: Service) -> None:
    with one_place(cone_server), ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: ask(cone_server, RA=0, DEC=10, SR=1), range(6)))
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert all(len(table_of(answer).array) for answer in answers if answer.status_code == 200)
        assert cone_server.site.gate.n_running == 0


def test_capabilities_tell_a_place_with_rows(cone_server: Service) -> None:
    answer = httpx.get(f"{cone_url(cone_server)}/capabilities", timeout=60)
    assert answer.headers["Content-Type"] == "text/xml"
    root = etree.fromstring(answer.content)
    query = next(root.iter("testQuery"))
    asked = {name.upper(): query.findtext(name) or "" for name in ("ra", "dec", "sr")}
    assert len(table_of(httpx.get(root.findtext(".//accessURL") or "", params=asked, timeout=60)).array) >= 1
    assert root.findtext(".//maxRecords") == "100000"


@pytest.mark.parametrize("table", ["cone.sky", "cone.points", "cone.keyless"])
def test_the_service_of_a_search_is_available(table: str, cone_server: Service) -> None:
    answer = httpx.get(f"{cone_url(cone_server, table)}/availability", timeout=60)
    assert b"available>true<" in answer.content


def test_the_first_page_shows_a_search(cone_server: Service) -> None:
    page = httpx.get(f"{cone_server.url}/", timeout=60).text
    (command,) = [line for line in page.splitlines() if "/scs/" in line]
    url = unescape(command.removeprefix("<pre>curl '").removesuffix("'</pre>"))
    assert httpx.get(url, timeout=60).headers.get("X-VO-Error") is None
