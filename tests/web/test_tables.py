from __future__ import annotations

import gc
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import pyvo
import requests
from astropy.table import Table
from pyvo.utils.prototype import activate_features
from sqlalchemy import select

from tests.support.keepers import ROWS, ask, made
from vo_server.store.tables import jobs

if TYPE_CHECKING:
    from tests.support.service import Service

DEFINITION = """<?xml version="1.0" encoding="UTF-8"?>
<vosi:table xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" type="table">
  <name>whatever</name>
  <description>Stars that I like</description>
  <column><name>id</name><description>Number</description><ucd>meta.id;meta.main</ucd>
    <dataType xsi:type="vs:VOTableType">long</dataType></column>
  <column><name>ra</name><unit>deg</unit><ucd>pos.eq.ra;meta.main</ucd>
    <dataType xsi:type="vs:VOTableType">double</dataType></column>
  <column><name>dec</name><unit>deg</unit><ucd>pos.eq.dec;meta.main</ucd>
    <dataType xsi:type="vs:VOTableType">double</dataType></column>
  <column><name>note</name><dataType xsi:type="vs:VOTableType" arraysize="*">char</dataType></column>
</vosi:table>"""


@pytest.fixture
def ritas_pyvo(server: Service, rita: tuple[str, str]) -> Iterator[pyvo.dal.TAPService]:
    """Speak to the server as the first user with pyvo."""
    activate_features("cadc-tb-upload")
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        session.headers["Authorization"] = f"Bearer {rita[1]}"
        yield pyvo.dal.TAPService(server.tap, session=session)
        gc.collect()


def test_pyvo_makes_fills_indexes_and_removes_a_table(
    ritas_pyvo: pyvo.dal.TAPService, rita: tuple[str, str], ritas: httpx.Client, server: Service
) -> None:
    name = f"u_{rita[0]}.liked"
    ritas_pyvo.create_table(name, io.BytesIO(DEFINITION.encode()))
    assert ask(ritas, f"SELECT COUNT(*) FROM {name}") == [["0"]]
    ritas_pyvo.load_table(name, io.BytesIO(ROWS))
    ritas_pyvo.load_table(name, io.BytesIO(b"note,dec,ra,id\nfourth,6,13,4\n"), format="csv")
    found = ritas_pyvo.search(f"SELECT id, ra, dec, note FROM {name} ORDER BY ra").to_table()
    assert found["id"].tolist() == [1, 2, 9007199254740993, 4]
    assert found["note"].tolist() == ["first", "", "third", "fourth"]
    assert found["ra"].unit == "deg"
    ritas_pyvo.create_index(name, "id", unique=True)
    with server.context.store.database.read() as connection:
        clients = connection.execute(select(jobs.c.client).where(jobs.c.owner == rita[0])).scalars().all()
    assert clients
    assert all(clients), "the job counts for nobody"
    assert ask(ritas, f"SELECT indexed FROM tap_schema.columns WHERE table_name = '{name}' AND column_name = 'id'") == [
        ["1"]
    ]
    assert name in set(ritas_pyvo.tables.keys())
    assert "Stars that I like. Table of the user" in ritas.get(f"tables/{name}").text
    ritas_pyvo.remove_table(name)
    assert ritas.get(f"tables/{name}").status_code == 404


def test_pyvo_loads_fits_and_makes_a_table_of_a_votable(
    ritas_pyvo: pyvo.dal.TAPService, rita: tuple[str, str], ritas: httpx.Client
) -> None:
    name = f"u_{rita[0]}.as_votable"
    table = Table({"id": np.arange(3), "x": np.array([0.5, np.nan, 2.5])})
    as_votable, as_fits = io.BytesIO(), io.BytesIO()
    table.write(as_votable, format="votable")
    table.write(as_fits, format="fits")
    ritas_pyvo.create_table(name, io.BytesIO(as_votable.getvalue()), format="VOTable")
    ritas_pyvo.load_table(name, io.BytesIO(as_fits.getvalue()), format="FITSTable")
    assert ask(ritas, f"SELECT id, x FROM {name} ORDER BY id, x") == [
        row for row in [["0", "0.5"], ["1", ""], ["2", "2.5"]] for _ in range(2)
    ]


def test_a_table_with_positions_is_searched_and_joined_as_any_other(ritas: httpx.Client, rita: tuple[str, str]) -> None:
    name = f"u_{rita[0]}.near"
    stars = ask(ritas, "SELECT TOP 3 id, ra, dec FROM web.stars ORDER BY id")
    made(ritas, name, "\n".join(["id,ra,dec", *(",".join(row) for row in stars)]).encode(), "text/csv")
    joined = ask(
        ritas,
        f"SELECT s.id FROM {name} AS m JOIN web.stars AS s "
        "ON 1 = CONTAINS(POINT(s.ra, s.dec), CIRCLE(m.ra, m.dec, 0.0003)) ORDER BY s.id",
    )
    assert joined == [[row[0]] for row in stars]
    assert ask(
        ritas, f"SELECT id FROM {name} WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({stars[1][1]}, {stars[1][2]}, 0.001))"
    ) == [[stars[1][0]]]


def test_an_anonymous_caller_is_asked_who_they_are(client: httpx.Client) -> None:
    for answer in (
        client.put("tables/u_rita.t", content=ROWS),
        client.post("load/u_rita.t", content=ROWS),
        client.delete("tables/u_rita.t"),
        client.get("tables/u_rita.t/share"),
        client.post("table-update", data={"table": "u_rita.t", "index": "id"}),
    ):
        assert answer.status_code == 401, answer.text
        assert "token" in answer.text
        assert "WWW-Authenticate" in answer.headers


def test_a_client_that_sends_much_in_vain_hears_why(server: Service, ritas: httpx.Client) -> None:
    made(ritas, "there")
    body = ROWS * 100_000
    for headers, status in (({}, 401), ({"Authorization": ritas.headers["Authorization"]}, 409)):
        # Like most clients, this one sends everything before it listens.
        answer = requests.put(f"{server.tap}/tables/there", data=body, headers=headers, timeout=30)
        assert answer.status_code == status


def test_others_do_not_see_a_table_in_any_way(
    ritas: httpx.Client, annas: httpx.Client, client: httpx.Client, rita: tuple[str, str]
) -> None:
    name = f"u_{rita[0]}.private"
    made(ritas, name)
    ask(ritas, f"SELECT * FROM {name}")
    query = {"LANG": "ADQL", "RESPONSEFORMAT": "text"}
    for other in (annas, client):
        there = other.post("sync", data={**query, "QUERY": f"SELECT * FROM {name}"})
        missing = other.post("sync", data={**query, "QUERY": f"SELECT * FROM {name[:-1]}x"})
        assert there.status_code == missing.status_code == 400
        assert there.text.replace(name, "T") == missing.text.replace(f"{name[:-1]}x", "T")
        assert other.get(f"tables/{name}").status_code == 404
        assert name not in other.get("tables").text
        assert name not in other.get(f"tables/{name[:-1]}").text.replace(name[:-1], "", 1)
        assert ask(other, f"SELECT COUNT(*) FROM tap_schema.tables WHERE table_name = '{name}'") == [["0"]]
        assert ask(other, f"SELECT COUNT(*) FROM tap_schema.columns WHERE table_name = '{name}'") == [["0"]]
        assert ask(other, f"SELECT COUNT(*) FROM tap_schema.schemas WHERE schema_name = 'u_{rita[0]}'") == [["0"]]
    assert annas.delete(f"tables/{name}").status_code == 404
    assert annas.post(f"load/{name}", content=ROWS).status_code == 404
    assert name in ritas.get("tables").text
    assert ask(ritas, f"SELECT COUNT(*) FROM tap_schema.tables WHERE table_name = '{name}'") == [["1"]]
