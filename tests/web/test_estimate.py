"""What a query would cost, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from lxml import html

from tests.support.answers import VOTABLE, csv_rows, error_text, parse
from tests.support.server import SLOW
from tests.support.service import N_STARS, Service
from tests.support.users import add_user, as_user

CONE = "SELECT id, ra FROM web.stars WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 3))"
ALL = "SELECT * FROM web.stars"


def estimate(client: httpx.Client, adql: str, **more: str) -> dict[str, Any]:
    answer = client.post("estimate", data={"LANG": "ADQL", "QUERY": adql, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def test_an_estimate_tells_rows_size_index_and_steps(client: httpx.Client) -> None:
    told = estimate(client, CONE)
    n_rows = len(csv_rows(client.get("sync", params={"QUERY": CONE, "LANG": "ADQL", "FORMAT": "csv"}))) - 1
    assert n_rows / 5 <= told["rows"] <= n_rows * 5
    assert told["bytes"] == pytest.approx(told["rows"] * 16, rel=0.5, abs=told["rows"])
    assert told["uses_index"] is True
    assert told["rows_read"] < N_STARS
    assert told["cut_by"] is None
    (read,) = told["steps"]
    assert (read["action"], read["access"], read["table_name"], read["release"]) == (
        "read",
        "position-index",
        "web.stars",
        "1",
    )
    assert "find rows of web.stars (release 1) by the index of their positions" in read["words"]


def test_get_and_post_give_the_same_estimate(client: httpx.Client) -> None:
    asked = {"LANG": "ADQL", "QUERY": CONE}
    assert client.get("estimate", params=asked).json() == client.post("estimate", data=asked).json()


def test_the_rows_of_a_whole_table_are_known(client: httpx.Client) -> None:
    told = estimate(client, ALL)
    assert (told["rows"], told["rows_basis"], told["uses_index"]) == (N_STARS, "exact", False)


@pytest.mark.parametrize(
    ("maxrec", "limit", "value"),
    [(None, "default-rows", 1_000), ("12", "maxrec", 12), ("0", "maxrec", 0), (str(N_STARS), None, None)],
)
def test_the_limit_that_would_cut_is_named(
    client: httpx.Client, maxrec: str | None, limit: str | None, value: int | None
) -> None:
    told = estimate(client, ALL, **({} if maxrec is None else {"MAXREC": maxrec}))
    assert told["cut_by"] == (None if limit is None else {"limit": limit, "value": value, "unit": "row"})
    answer = client.get("sync", params={"QUERY": ALL, "LANG": "ADQL", "FORMAT": "csv", "MAXREC": maxrec or ""})
    assert (len(csv_rows(answer)) - 1 < N_STARS) is (limit is not None)


def test_all_limits_that_hold_are_listed(client: httpx.Client, server: Service) -> None:
    limits = {one["limit"]: one for one in estimate(client, CONE)["limits"]}
    assert limits["default-rows"]["would_cut"] is False
    assert limits["size"]["unit"] == "byte"
    assert limits["timeout"] == {
        "limit": "timeout",
        "value": round(server.site.sync_timeout_s),
        "unit": "s",
        "owner": "service",
        "would_cut": None,
    }


def test_a_query_of_hours_is_estimated_at_once(client: httpx.Client) -> None:
    told = estimate(client, SLOW)
    assert told["rows"] == 1
    assert client.get("estimate", params={"QUERY": SLOW, "LANG": "ADQL"}).elapsed.total_seconds() < 5


def test_the_tables_of_the_service_itself_are_estimated(client: httpx.Client) -> None:
    told = estimate(client, "SELECT table_name FROM TAP_SCHEMA.tables")
    assert told["steps"][0]["access"] == "given"
    assert 2 <= told["rows"] <= 20


def test_an_estimate_comes_as_text_for_people(client: httpx.Client) -> None:
    answer = client.get("estimate", params={"QUERY": CONE, "LANG": "ADQL", "RESPONSEFORMAT": "text"})
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert lines[0].startswith("answer: about ")
    assert lines[1].startswith("index: used; rows to look at: about ")
    assert lines[2] == "cut: by no limit on rows or size; the query may run for 60 s"
    assert lines[3].startswith("step 1: find rows of web.stars")


@pytest.mark.parametrize("name", ["votable", "votable/td"])
def test_an_estimate_comes_as_a_votable_of_its_steps(client: httpx.Client, name: str) -> None:
    root = parse(client.get("estimate", params={"QUERY": CONE, "LANG": "ADQL", "RESPONSEFORMAT": name}))
    infos = {one.get("name"): one.get("value") for one in root.iter(f"{VOTABLE}INFO")}
    assert infos["QUERY_STATUS"] == "OK"
    assert infos["uses_index"] == "true"
    assert int(infos["rows"] or "") > 0
    assert [one.get("name") for one in root.iter(f"{VOTABLE}FIELD")][:4] == ["step", "inputs", "action", "table_name"]


def test_an_estimate_comes_as_a_page(client: httpx.Client) -> None:
    answer = client.get("estimate", params={"QUERY": CONE, "LANG": "ADQL", "RESPONSEFORMAT": "html"})
    cells = html.fromstring(answer.content).xpath("//td/text()")
    assert isinstance(cells, list)
    assert "position-index" in [str(cell).strip() for cell in cells]


def test_an_estimate_comes_as_csv(client: httpx.Client) -> None:
    header, row = csv_rows(client.get("estimate", params={"QUERY": CONE, "LANG": "ADQL", "RESPONSEFORMAT": "csv"}))
    assert row[header.index("table_name")] == "web.stars"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/json"),
        ("text/plain", "text/plain"),
        ("application/x-votable+xml", "application/x-votable+xml"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/json, text/plain", "application/json"),
    ],
)
def test_the_accept_header_chooses(client: httpx.Client, accept: str, content_type: str) -> None:
    answer = client.get("estimate", params={"QUERY": CONE, "LANG": "ADQL"}, headers={"Accept": accept})
    assert answer.headers["Content-Type"].partition(";")[0] == content_type


def test_a_mistake_in_the_query_is_told_with_its_place(client: httpx.Client) -> None:
    answer = client.post("estimate", data={"LANG": "ADQL", "QUERY": "SELECT idd FROM web.stars"})
    assert answer.status_code == 400
    assert "line 1, column 8" in answer.text
    assert "did you mean" in answer.text


def test_a_mistake_is_told_as_a_votable_to_who_wants_one(client: httpx.Client) -> None:
    asked = {"LANG": "ADQL", "QUERY": "SELECT idd FROM web.stars", "RESPONSEFORMAT": "votable"}
    answer = client.post("estimate", data=asked)
    assert answer.status_code == 400
    assert "line 1, column 8" in error_text(answer)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"LANG": "ADQL"}, "parameter QUERY is missing"),
        ({"QUERY": ALL, "LANG": "SQL"}, "unknown query language 'SQL'"),
        ({"QUERY": ALL, "MAXREC": "-1"}, "MAXREC"),
        ({"QUERY": ALL, "RESPONSEFORMAT": "docx"}, "RESPONSEFORMAT has the value 'docx'"),
    ],
)
def test_bad_parameters_are_refused_as_by_sync(client: httpx.Client, given: dict[str, str], told: str) -> None:
    answer = client.post("estimate", data=given)
    assert answer.status_code == client.post("sync", data=given).status_code == 400
    assert told in answer.text


def test_what_the_standard_does_not_have_is_noted(client: httpx.Client) -> None:
    told = estimate(client, "SELECT id FROM web.stars LIMIT 3")
    assert told["rows"] == 3
    assert any(line.startswith("note: ") and "LIMIT" in line for line in told["words"])


def test_uploads_are_part_of_the_estimate(client: httpx.Client) -> None:
    match = (
        "SELECT u.n, s.id FROM TAP_UPLOAD.mine AS u JOIN web.stars AS s ON DISTANCE(u.ra, u.dec, s.ra, s.dec) < 0.01"
    )
    table = b"n,ra,dec\n1,10.5,20.5\n2,30.5,-40.5\n"
    answer = client.post(
        "estimate",
        data={"LANG": "ADQL", "QUERY": match, "UPLOAD": "mine,param:t"},
        files={"t": ("mine.csv", table, "text/csv")},
    )
    assert answer.status_code == 200, answer.text
    steps = {one["table_name"]: one for one in answer.json()["steps"]}
    assert (steps["TAP_UPLOAD.mine"]["access"], steps["TAP_UPLOAD.mine"]["rows"]) == ("given", 2)
    assert steps[None]["method"] in {"cells", "lookup"}


def _job(client: httpx.Client, **parameters: str) -> str:
    return str(client.post("async", data={"LANG": "ADQL", **parameters}).headers["Location"])


def test_a_job_is_estimated_before_it_is_run(client: httpx.Client) -> None:
    url = _job(client, QUERY=ALL, MAXREC="12", EXECUTIONDURATION="33")
    told = client.get(f"{url}/estimate").json()
    assert (told["rows"], told["cut_by"]["limit"]) == (N_STARS, "maxrec")
    assert {one["limit"]: one["value"] for one in told["limits"]}["timeout"] == 33
    assert client.get(f"{url}/phase").text == "PENDING"
    assert client.get(f"{url}/estimate", params={"RESPONSEFORMAT": "text"}).text.startswith("answer: 5000 rows")


def test_a_mistake_in_the_query_of_a_job_is_told_before_it_is_run(client: httpx.Client) -> None:
    answer = client.get(f"{_job(client, QUERY='SELECT idd FROM web.stars')}/estimate")
    assert (answer.status_code, "did you mean" in answer.text) == (400, True)
    assert client.get(f"{_job(client)}/estimate").status_code == 400


def test_the_job_of_another_user_is_not_estimated(client: httpx.Client, server: Service) -> None:
    _, token = add_user(server)
    with as_user(server, token) as owner:
        url = _job(owner, QUERY=ALL)
        assert owner.get(f"{url}/estimate").status_code == 200
    assert client.get(f"{url}/estimate").status_code == 401


def test_no_job_no_estimate(client: httpx.Client) -> None:
    assert client.get("async/nosuchjob/estimate").status_code == 404


def _kept(client: httpx.Client, url: str) -> dict[str, str]:
    return {one.get("name", ""): one.text or "" for one in parse(client.get(url)).iter("value")}


@pytest.mark.parametrize("phase", ["", "RUN"])
def test_a_job_that_asks_for_it_has_its_estimate(phase: str, client: httpx.Client) -> None:
    kept = _kept(client, _job(client, QUERY=CONE, ESTIMATE="true", PHASE=phase))
    assert (kept["uses_index"], int(kept["rows"]) > 0) == ("true", True)
    assert _kept(client, _job(client, QUERY=CONE, PHASE=phase)) == {}


def test_an_estimate_that_was_asked_for_later_is_kept(client: httpx.Client) -> None:
    url = _job(client, QUERY=ALL)
    client.get(f"{url}/estimate")
    assert _kept(client, url)["rows"] == str(N_STARS)
    assert _kept(client, url)["cut_by"] == "default-rows"


def test_a_job_with_a_mistake_is_made_although_it_has_no_estimate(client: httpx.Client) -> None:
    answer = client.post("async", data={"QUERY": "SELECT idd", "LANG": "ADQL", "ESTIMATE": "1"})
    assert answer.status_code == 303
    assert _kept(client, answer.headers["Location"]) == {}
