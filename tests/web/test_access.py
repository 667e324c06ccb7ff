from __future__ import annotations

import gc
import http.client
import subprocess
import time
import warnings
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import pyvo
import requests

from tests.support.answers import csv_rows, parse, texts
from tests.support.service import N_STARS, Service
from tests.support.users import as_user, give_token
from vo_server.access.authentication import REMEMBERED_S
from vo_server.access.tokens import new_token

COUNT = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM web.stars", "RESPONSEFORMAT": "csv"}
UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"


def create(client: httpx.Client, **given: str) -> str:
    answer = client.post("async", data={**COUNT, **given})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def listed(client: httpx.Client) -> list[str]:
    answer = client.get("async")
    assert answer.status_code == 200
    return [ref.get("id", "") for ref in parse(answer).iter(f"{UWS}jobref")]


def test_every_form_of_the_token_names_the_user(client: httpx.Client, rita: tuple[str, str]) -> None:
    name, token = rita
    pairs = [("x-oauth-basic", token), (token, "x-oauth-basic"), (name, token)]
    answers = [client.get("availability", auth=pair) for pair in pairs]
    answers.append(client.get("availability", headers={"Authorization": f"Bearer {token}"}))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.headers["X-VO-Authenticated"] for answer in answers] == [name] * 4
    assert "X-VO-Authenticated" not in client.get("availability").headers


@pytest.mark.parametrize("path", ["sync", "async", "tables", "capabilities", "availability", "../health", "../nothing"])
def test_a_wrong_token_is_refused_everywhere_and_told_how_to_do_better(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"Authorization": f"Bearer {new_token()}"})
    assert answer.status_code == 401
    assert answer.headers["X-VO-Error"] == "authentication"
    challenges = answer.headers.get_list("WWW-Authenticate")
    root = str(client.base_url).removesuffix("/tap/")
    assert challenges == [
        f'ivoa_bearer standard_id="ivo://ivoa.net/sso#tls-with-password", access_url="{root}/login"',
        'Bearer realm="vo-server"',
        'Basic realm="vo-server", charset="UTF-8"',
    ]
    assert "wrong, revoked or expired" in answer.text
    assert "X-VO-Authenticated" not in answer.headers


@pytest.mark.parametrize("header", ["Digest x", "Bearer", "Basic ???"])
def test_credentials_that_are_not_understood_are_not_taken_for_none(client: httpx.Client, header: str) -> None:
    answer = client.get("sync", params=COUNT, headers={"Authorization": header})
    assert answer.status_code == 401
    assert "Bearer TOKEN" in answer.text


def test_credentials_that_are_given_twice_are_refused(client: httpx.Client, rita: tuple[str, str]) -> None:
    headers = [("Authorization", f"Bearer {rita[1]}"), ("Authorization", "Bearer other")]
    assert client.get("availability", headers=headers).status_code == 401


def test_a_refused_upload_is_read_to_its_end(server: Service) -> None:
    where = urlsplit(server.tap)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
    connection.request("POST", "/tap/sync", b"x" * 3_000_000, {"Authorization": f"Bearer {new_token()}"})
    answer = connection.getresponse()
    assert answer.status == 401
    answer.read()
    connection.request("GET", "/tap/availability")
    assert connection.getresponse().status == 200, "the connection goes on after the refusal"
    connection.close()


def test_a_revoked_token_is_refused_within_seconds(
    server: Service, client: httpx.Client, rita: tuple[str, str]
) -> None:
    name, token = rita
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("async", headers=headers).status_code == 200
    (found,) = server.context.store.users.tokens(name)
    server.context.store.users.revoke(found.id)
    deadline = time.monotonic() + REMEMBERED_S + 2
    while client.get("async", headers=headers).status_code == 200:
        assert time.monotonic() < deadline, "the revoked token is still taken"
        time.sleep(0.2)
    assert client.get("async", headers=headers).status_code == 401


def test_a_query_runs_with_a_token(ritas: httpx.Client) -> None:
    assert csv_rows(ritas.post("sync", data=COUNT)) == [["n"], [str(N_STARS)]]


def test_a_job_is_listed_to_its_owner_alone(
    rita: tuple[str, str], ritas: httpx.Client, annas: httpx.Client, client: httpx.Client
) -> None:
    job = create(ritas)
    assert listed(ritas) == [job.rpartition("/")[2]]
    assert listed(annas) == []
    assert listed(client) == []
    assert ritas.get(f"{job}/owner").text == rita[0]
    assert parse(ritas.get(job)).findtext(f"{UWS}ownerId") == rita[0]


_JOB_REQUESTS = [
    ("GET", "", {}),
    ("GET", "/phase", {}),
    ("GET", "/parameters", {}),
    ("GET", "/results", {}),
    ("GET", "/results/result", {}),
    ("GET", "/error", {}),
    ("GET", "/owner", {}),
    ("GET", "?WAIT=1", {}),
    ("POST", "/phase", {"PHASE": "RUN"}),
    ("POST", "/phase", {"PHASE": "ABORT"}),
    ("POST", "/parameters", {"MAXREC": "1"}),
    ("POST", "/destruction", {"DESTRUCTION": "2020-01-01T00:00:00Z"}),
    ("POST", "/executionduration", {"EXECUTIONDURATION": "1"}),
    ("POST", "", {"ACTION": "DELETE"}),
    ("DELETE", "", {}),
]


def test_nobody_else_may_do_anything_with_a_job(ritas: httpx.Client, annas: httpx.Client, client: httpx.Client) -> None:
    job = create(ritas)
    before = ritas.get(job).text
    for method, path, data in _JOB_REQUESTS:
        form = data if method == "POST" else None
        forbidden = annas.request(method, job + path, data=form)
        assert (forbidden.status_code, forbidden.headers["X-VO-Error"]) == (403, "forbidden"), (method, path)
        asked = client.request(method, job + path, data=form)
        assert (asked.status_code, asked.headers["X-VO-Error"]) == (401, "authentication"), (method, path)
        assert "WWW-Authenticate" in asked.headers
    assert ritas.get(job).text == before


def test_an_anonymous_job_may_be_used_by_whoever_knows_its_address_and_is_listed_to_nobody(
    client: httpx.Client, annas: httpx.Client
) -> None:
    job = create(client)
    assert len(job.rpartition("/")[2]) == 32
    assert client.get(job).status_code == 200
    assert annas.get(job).status_code == 200
    assert listed(client) == listed(annas) == []
    assert texts(parse(client.get(job)), "*[local-name() = 'ownerId']/@*[local-name() = 'nil']") == ["true"]


def test_capabilities_tell_how_to_log_in_and_are_there_for_everybody(client: httpx.Client, ritas: httpx.Client) -> None:
    answer = client.get("capabilities")
    assert answer.status_code == 200
    assert len(answer.headers.get_list("WWW-Authenticate")) == 3
    assert "WWW-Authenticate" not in ritas.get("capabilities").headers
    root = parse(answer)
    for standard, expected in [
        ("ivo://ivoa.net/std/TAP", ["ivo://ivoa.net/sso#BasicAA"]),
        ("ivo://ivoa.net/std/VOSI#tables-1.1", ["ivo://ivoa.net/sso#BasicAA"]),
        ("ivo://ivoa.net/std/VOSI#capabilities", []),
        ("ivo://ivoa.net/std/VOSI#availability", []),
    ]:
        path = f"capability[@standardID='{standard}']/interface/securityMethod"
        assert texts(root, f"{path}/@standardID") == expected
        assert len(root.findall(path)) == 2 * len(expected), "an empty one stands for anonymous callers"


def test_a_login_gives_the_token_back(client: httpx.Client, rita: tuple[str, str]) -> None:
    name, token = rita
    answer = client.post("../login", data={"username": name, "password": token})
    assert (answer.status_code, answer.headers["X-VO-Bearer"]) == (200, token)
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.post("../login", data={"username": name, "password": new_token()}).status_code == 401
    assert client.post("../login", data={"username": "anna", "password": token}).status_code == 401
    missing = client.post("../login", data={"username": name})
    assert (missing.status_code, missing.headers["X-VO-Error"]) == (400, "parameter")
    assert token not in str(client.get("../login", params={"username": name, "password": token}).headers)


@pytest.fixture
def unclosed() -> Iterator[None]:
    """Let pyvo leave connections open; close them here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.mark.usefixtures("unclosed")
def test_pyvo_lists_and_runs_jobs_with_a_password(server: Service, rita: tuple[str, str]) -> None:
    session = pyvo.auth.AuthSession()
    session.credentials.set_password("x-oauth-basic", rita[1])
    service = pyvo.dal.TAPService(server.tap, session=session)
    session.update_from_capabilities(service.capabilities)
    job = service.submit_job("SELECT COUNT(*) AS n FROM web.stars")
    job.run().wait(phases=["COMPLETED", "ERROR"], timeout=30)
    assert job.owner == rita[0]
    assert job.fetch_result()["n"][0] == N_STARS
    assert [one.jobid for one in service.get_job_list()] == [job.job_id]
    job.delete()
    assert service.get_job_list() == []


@pytest.mark.usefixtures("unclosed")
def test_pyvo_runs_jobs_with_a_bearer_token_in_a_session_of_requests(server: Service, rita: tuple[str, str]) -> None:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {rita[1]}"
        service = pyvo.dal.TAPService(server.tap, session=session)
        job = service.submit_job("SELECT COUNT(*) AS n FROM web.stars")
        assert [one.jobid for one in service.get_job_list()] == [job.job_id]
        session.headers["Authorization"] = f"Bearer {new_token()}"
        with pytest.raises(pyvo.dal.DALServiceError, match="the token is wrong, revoked or expired"):
            service.submit_job("SELECT COUNT(*) AS n FROM web.stars")


def test_curl_runs_a_query_with_a_token(server: Service, rita: tuple[str, str]) -> None:
    form = [word for name, value in COUNT.items() for word in ("--data-urlencode", f"{name}={value}")]
    done = subprocess.run(
        ["curl", "-sS", "--fail", "-i", "-u", f"x-oauth-basic:{rita[1]}", *form, f"{server.tap}/sync"],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert f"x-vo-authenticated: {rita[0]}" in done.stdout.lower()
    assert f"\nn\n{N_STARS}\n" in done.stdout.replace("\r", "")


def test_a_token_of_one_process_is_known_to_all(server: Service, rita: tuple[str, str]) -> None:
    """Tokens are in the store: a service that was never restarted knows those that were made meanwhile."""
    with as_user(server, give_token(server, rita[0])) as client:
        assert client.get("availability").headers["X-VO-Authenticated"] == rita[0]
