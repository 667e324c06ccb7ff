from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx

from tests.support.keepers import ROWS, ask, made

if TYPE_CHECKING:
    from tests.support.service import Service


def count(client: httpx.Client, name: str) -> httpx.Response:
    query = f"SELECT COUNT(*) AS n FROM {name}"
    return client.post("sync", data={"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "csv"})


def share(client: httpx.Client, name: str, **wanted: object) -> httpx.Response:
    return client.put(f"tables/{name}/share", json=wanted)


def test_a_table_is_shared_with_users_and_taken_back(
    ritas: httpx.Client, annas: httpx.Client, client: httpx.Client, rita: tuple[str, str], anna: tuple[str, str]
) -> None:
    name = f"u_{rita[0]}.shared"
    made(ritas, name)
    answer = share(ritas, name, users=[anna[0]])
    assert answer.status_code == 200, answer.text
    assert (answer.json()["users"], answer.json()["public"]) == ([anna[0]], False)
    assert ask(annas, f"SELECT COUNT(*) FROM {name}") == [["3"]]
    assert name in annas.get("tables").text
    assert count(client, name).status_code == 400
    for refused in (annas.delete(f"tables/{name}"), annas.post(f"load/{name}", content=ROWS), share(annas, name)):
        assert refused.status_code == 403
        assert rita[0] in refused.text
    assert share(ritas, name).json()["users"] == []
    assert count(annas, name).status_code == 400
    assert annas.get(f"tables/{name}").status_code == 404


def test_a_table_for_everybody_is_one_of_the_catalogue(
    ritas: httpx.Client, client: httpx.Client, rita: tuple[str, str]
) -> None:
    name = f"u_{rita[0]}.for_all"
    made(ritas, name)
    assert share(ritas, name, public=True).status_code == 200
    assert ask(client, f"SELECT COUNT(*) FROM {name}") == [["3"]]
    assert ask(client, f"SELECT COUNT(*) FROM tap_schema.tables WHERE table_name = '{name}'") == [["1"]]
    assert client.delete(f"tables/{name}").status_code == 401
    assert share(ritas, name, public=False).status_code == 200
    assert count(client, name).status_code == 400


def test_a_job_of_a_reader_loses_the_table_with_the_share(
    ritas: httpx.Client, annas: httpx.Client, rita: tuple[str, str], anna: tuple[str, str]
) -> None:
    name = f"u_{rita[0]}.for_a_job"
    made(ritas, name)
    share(ritas, name, users=[anna[0]])
    data = {"LANG": "ADQL", "QUERY": f"SELECT COUNT(*) AS n FROM {name}", "RESPONSEFORMAT": "csv", "PHASE": "RUN"}
    for phase in ("COMPLETED", "ERROR"):
        job = annas.post("async", data=data).headers["Location"]
        while (found := annas.get(f"{job}/phase").text) in {"QUEUED", "EXECUTING"}:
            annas.get(job, params={"WAIT": "2", "PHASE": found})
        assert found == phase
        share(ritas, name)


def test_who_sees_a_table_is_said_in_json_of_users_that_there_are(ritas: httpx.Client, rita: tuple[str, str]) -> None:
    name = f"u_{rita[0]}.asked"
    made(ritas, name)
    answer = share(ritas, name, users=["nobody_of_that_name"])
    assert answer.status_code == 400
    assert "nobody_of_that_name" in answer.text
    for body in (b"public=true", b"[]", b'{"public": 1}', b'{"users": "rita"}', b'{"group": "all"}', b"{" * 5000, b""):
        answer = ritas.put(f"tables/{name}/share", content=body)
        assert answer.status_code == 400, body
    assert ritas.get(f"tables/{name}/share").json()["users"] == []


def test_the_time_of_a_table_can_be_extended_up_to_a_limit(
    ritas: httpx.Client, rita: tuple[str, str], server: Service
) -> None:
    name = f"u_{rita[0]}.kept"
    made(ritas, name)
    limits = server.context.user_tables.limits
    told = datetime.fromisoformat(ritas.get(f"tables/{name}/share").json()["expires"])
    expected = datetime.now(UTC) + timedelta(seconds=limits.default_lifetime_s)
    assert abs((told - expected).total_seconds()) < 60
    wanted = datetime.now(UTC) + timedelta(days=200)
    answer = ritas.post(f"tables/{name}/expiry", data={"EXPIRES": wanted.isoformat()})
    assert abs((datetime.fromisoformat(answer.json()["expires"]) - wanted).total_seconds()) < 1
    assert f"kept until {wanted:%Y-%m-%d}" in ritas.get(f"tables/{name}").text
    answer = ritas.post(f"tables/{name}/expiry", data={"EXPIRES": "3000-01-01T00:00:00"})
    latest = datetime.now(UTC) + timedelta(seconds=limits.max_lifetime_s)
    assert abs((datetime.fromisoformat(answer.json()["expires"]) - latest).total_seconds()) < 60
    assert ritas.post(f"tables/{name}/expiry", data={"EXPIRES": "2001-01-01"}).status_code == 400
    assert ritas.post(f"tables/{name}/expiry", data={"EXPIRES": "soon"}).status_code == 400


def test_a_table_whose_time_has_come_is_swept_with_all_its_releases(
    ritas: httpx.Client, rita: tuple[str, str], server: Service
) -> None:
    name = f"u_{rita[0]}.old"
    made(ritas, name)
    assert ritas.post(f"load/{name}", content=ROWS).status_code == 204
    context = server.context
    places = {one.table.location for one in context.store.catalogue.releases(name)}
    assert len(places) == 2
    context.store.user_tables.set_expiry(name, datetime.now(UTC) - timedelta(seconds=1))
    assert name in context.user_tables.sweep()
    assert count(ritas, name).status_code == 400
    assert context.store.user_tables.find(name) is None
    assert context.store.catalogue.releases(name) == ()
    assert not places & context.store.catalogue.locations()
    assert ritas.get("user-tables").json()["use"] == {"tables": 0, "rows": 0, "bytes": 0}


def test_an_answer_tells_of_tables_that_expire_soon(
    ritas: httpx.Client, rita: tuple[str, str], server: Service
) -> None:
    name = f"u_{rita[0]}.soon"
    made(ritas, name)
    query = {"LANG": "ADQL", "QUERY": f"SELECT id FROM {name}", "RESPONSEFORMAT": "votable/td"}
    assert "TABLE_EXPIRES" not in ritas.post("sync", data=query).text
    soon = datetime.now(UTC) + timedelta(days=3)
    server.context.store.user_tables.set_expiry(name, soon)
    assert f'name="TABLE_EXPIRES" value="{soon:%Y-%m-%dT%H:%M:%S}' in ritas.post("sync", data=query).text


def test_a_user_lists_their_tables_and_what_is_left(ritas: httpx.Client, rita: tuple[str, str]) -> None:
    made(ritas, "one")
    made(ritas, f"U_{rita[0].upper()}.two")
    told = ritas.get("user-tables").json()
    assert [one["name"] for one in told["tables"]] == [f"u_{rita[0]}.one", f"u_{rita[0]}.two"]
    assert told["use"]["tables"] == 2
    assert told["use"]["rows"] == 6
    assert 0 < told["use"]["bytes"] == sum(one["bytes"] for one in told["tables"]) < told["quota"]["bytes"]
