from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx

from tests.support.answers import csv_rows
from tests.support.keepers import ask
from tests.support.server import SLOW

if TYPE_CHECKING:
    from tests.support.service import Service

CONE = "SELECT id, ra, dec, mag, name FROM web.stars WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 10, 20))"


def save(client: httpx.Client, query: str, name: str, **given: str) -> httpx.Response:
    return client.post("sync", data={"LANG": "ADQL", "QUERY": query, "SAVE_AS": name, "RESPONSEFORMAT": "csv", **given})


def finish(client: httpx.Client, job: str) -> str:
    deadline = time.monotonic() + 90
    while (phase := client.get(f"{job}/phase").text) not in {"COMPLETED", "ERROR", "ABORTED"}:
        assert time.monotonic() < deadline, f"the job stays {phase}"
        client.get(job, params={"WAIT": "2", "PHASE": phase})
    return phase


def test_the_answer_becomes_a_table_with_all_that_its_columns_say(ritas: httpx.Client, rita: tuple[str, str]) -> None:
    answer = save(ritas, CONE, "cone")
    assert answer.status_code == 200, answer.text
    names, told = csv_rows(answer)
    assert names == ["table_name", "n_rows", "size_bytes", "expires"]
    table = f"u_{rita[0]}.cone"
    assert told[0] == table
    assert ask(ritas, f"SELECT * FROM {table} ORDER BY id") == ask(ritas, f"{CONE} ORDER BY id")
    columns = "column_name, datatype, unit, ucd, description"
    described = "SELECT {} FROM tap_schema.columns WHERE table_name = '{}' ORDER BY column_index"
    assert ask(ritas, described.format(columns, table)) == ask(ritas, described.format(columns, "web.stars"))
    [[text]] = ask(ritas, f"SELECT description FROM tap_schema.tables WHERE table_name = '{table}'")
    assert text.startswith("Answer of a query of web.stars (release 1) on ")
    assert CONE in text
    assert f"Table of the user {rita[0]}, kept until {told[3][:10]}." in text


def test_a_job_saves_its_answer_and_its_result_tells_of_the_table(ritas: httpx.Client, rita: tuple[str, str]) -> None:
    name = f"u_{rita[0]}.from_job"
    job = ritas.post(
        "async", data={"QUERY": CONE, "SAVE_AS": name, "RESPONSEFORMAT": "csv", "LANG": "ADQL", "PHASE": "RUN"}
    ).headers["Location"]
    assert finish(ritas, job) == "COMPLETED"
    assert csv_rows(ritas.get(f"{job}/results/result"))[1][0] == name
    assert ask(ritas, f"SELECT COUNT(*) FROM {name}") == ask(ritas, f"SELECT COUNT(*) FROM ({CONE}) AS c")


def test_an_anonymous_job_cannot_save(client: httpx.Client) -> None:
    job = client.post("async", data={"QUERY": CONE, "SAVE_AS": "mine", "LANG": "ADQL", "PHASE": "RUN"}).headers[
        "Location"
    ]
    assert finish(client, job) == "ERROR"
    assert "you have not said who you are" in client.get(f"{job}/error").text
    assert save(client, CONE, "mine").status_code == 401


def test_a_save_that_is_not_possible_is_told_before_the_query_runs(ritas: httpx.Client, anna: tuple[str, str]) -> None:
    assert save(ritas, CONE, "taken").status_code == 200
    for name, status in (("taken", 409), (f"u_{anna[0]}.t", 403), ('a"; DROP TABLE x', 400), ("select", 400)):
        begin = time.monotonic()
        assert save(ritas, SLOW, name).status_code == status
        assert time.monotonic() - begin < 5


def test_a_get_makes_no_table(ritas: httpx.Client) -> None:
    answer = ritas.get("sync", params={"LANG": "ADQL", "QUERY": CONE, "SAVE_AS": "by_get"})
    assert answer.status_code == 400
    assert "POST" in answer.text


def test_an_answer_that_a_limit_of_the_service_cuts_is_not_kept(ritas: httpx.Client, rita: tuple[str, str]) -> None:
    many = "SELECT a.id FROM web.stars AS a, web.stars AS b"
    answer = save(ritas, many, "too_many")
    assert answer.status_code == 413
    assert "100000 rows" in answer.text
    assert ritas.get(f"tables/u_{rita[0]}.too_many").status_code == 404
    # More than the service sends to those who give no MAXREC, and no more than it allows.
    assert save(ritas, "SELECT id FROM web.stars", "whole").status_code == 200
    assert ask(ritas, f"SELECT COUNT(*) FROM u_{rita[0]}.whole") == [["5000"]]
    assert save(ritas, "SELECT id FROM web.stars", "cut", MAXREC="7").status_code == 200
    assert ask(ritas, f"SELECT COUNT(*) FROM u_{rita[0]}.cut") == [["7"]]
    assert "cut at MAXREC=7" in ritas.get(f"tables/u_{rita[0]}.cut").text


def test_not_a_number_stays_one_and_null_stays_null(ritas: httpx.Client, rita: tuple[str, str]) -> None:
    query = "SELECT TOP 8 id, mag, CAST('NaN' AS DOUBLE PRECISION) AS odd FROM web.stars ORDER BY id"
    direct = ask(ritas, query)
    assert {row[2] for row in direct} == {"NaN"}
    assert "" in {row[1] for row in direct}
    assert save(ritas, query, "odd").status_code == 200
    assert ask(ritas, f"SELECT * FROM u_{rita[0]}.odd ORDER BY id") == direct


def test_columns_of_one_name_are_made_different(ritas: httpx.Client, rita: tuple[str, str]) -> None:
    query = "SELECT TOP 3 a.id, b.id, a.ra AS ra FROM web.stars AS a JOIN web.stars AS b ON a.id = b.id"
    assert save(ritas, query, "twice").status_code == 200
    assert ask(ritas, f"SELECT id, id_2 FROM u_{rita[0]}.twice WHERE id <> id_2") == []


def test_positions_that_were_computed_can_be_saved_and_more_rows_added(
    ritas: httpx.Client, rita: tuple[str, str]
) -> None:
    galactic = b"n,glon,glat\n1,10.0,20.0\n2,30.0,-40.0\n"
    source, copy = f"u_{rita[0]}.galactic", f"u_{rita[0]}.copy_of_galactic"
    assert ritas.put(f"tables/{source}", content=galactic, headers={"Content-Type": "text/csv"}).status_code == 201
    more = ritas.post(f"load/{source}", content=b"n,glon,glat\n3,50,60\n", headers={"Content-Type": "text/csv"})
    assert more.status_code == 204, more.text
    assert ask(ritas, f'SELECT COUNT(*) FROM {source} WHERE "_ra_icrs" IS NULL OR "_dec_icrs" IS NULL') == [["0"]]
    assert save(ritas, f"SELECT * FROM {source}", copy).status_code == 200
    more = ritas.post(f"load/{copy}", content=b"n,glon,glat,_ra_icrs,_dec_icrs\n4,0,0,266.4,-28.9\n")
    assert more.status_code == 204, more.text
    near = f'SELECT n FROM {copy} WHERE 1 = CONTAINS(POINT("_ra_icrs", "_dec_icrs"), CIRCLE(266, -29, 2))'
    assert ask(ritas, near) == [["4"]]


def test_an_aborted_save_leaves_nothing(ritas: httpx.Client, rita: tuple[str, str], server: Service) -> None:
    name = f"u_{rita[0]}.aborted"
    job = ritas.post("async", data={"QUERY": SLOW, "SAVE_AS": name, "LANG": "ADQL", "PHASE": "RUN"}).headers["Location"]
    ritas.get(job, params={"WAIT": "2", "PHASE": "QUEUED"})
    assert ritas.post(f"{job}/phase", data={"PHASE": "ABORT"}).status_code == 303
    assert finish(ritas, job) == "ABORTED"
    assert ritas.get(f"tables/{name}").status_code == 404
    time.sleep(1)
    assert server.context.store.user_tables.find(name) is None
