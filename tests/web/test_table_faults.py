from __future__ import annotations

import gzip
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from astropy.table import Table

from tests.support.effort import time_below
from tests.support.keepers import ROWS, ask, made
from vo_server.errors import ConflictError, TooLargeError
from vo_server.model.identity import Identity
from vo_server.services.user_tables import UserTableService

if TYPE_CHECKING:
    from tests.support.service import Service

HOSTILE = (
    '"; DROP TABLE x; --',
    "a b",
    "a.b.c",
    "1st",
    "ä",
    "x" * 64,
    "select",
    "_healpix_29",
    "a\x00b",
    "../../etc/passwd",
)


def votable(n_rows: int = 500) -> bytes:
    file = io.BytesIO()
    Table({"id": np.arange(n_rows), "x": np.linspace(0, 1, n_rows)}).write(file, format="votable")
    return file.getvalue()


def fits(n_rows: int = 5000) -> bytes:
    file = io.BytesIO()
    Table({"id": np.arange(n_rows), "x": np.linspace(0, 1, n_rows)}).write(file, format="fits")
    return file.getvalue()


def put(client: httpx.Client, name: str, body: bytes) -> httpx.Response:
    return client.put(f"tables/{name}", content=body)


def small(service: Service, tmp_path: Path, **quota: int) -> UserTableService:
    """Return a service of its own on the store of a server, as another process with other settings has it."""
    context = service.context
    limits = context.user_tables.limits
    mine = replace(limits, quota=replace(limits.quota, **quota))
    (tmp_path / "rows.tsv").write_bytes(ROWS)
    return UserTableService(engine=context.engine, store=context.store, limits=mine)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_need_quotes_or_worse_are_refused(ritas: httpx.Client, rita: tuple[str, str], name: str) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in name.encode())
    answer = put(ritas, f"u_{rita[0]}.{quoted}", ROWS)
    assert answer.status_code in {400, 403}, answer.text
    assert ritas.get("user-tables").json()["tables"] == []


def test_schemas_of_the_catalogue_and_of_others_are_closed(
    ritas: httpx.Client, annas: httpx.Client, anna: tuple[str, str]
) -> None:
    for name in ("web.mine", "web.stars", "tap_schema.tables", "TAP_UPLOAD.t", f"u_{anna[0]}.t"):
        answer = put(ritas, name, ROWS)
        assert answer.status_code == 403, name
        assert "you may make tables in the schema" in answer.text
    assert ritas.delete("tables/web.stars").status_code == 403
    assert ritas.post("load/web.stars", content=ROWS).status_code == 403
    made(annas, "mine")
    assert put(ritas, f"u_{anna[0]}.mine", ROWS).status_code == 403


def test_a_taken_name_is_refused_in_any_case_and_the_table_stays(ritas: httpx.Client, rita: tuple[str, str]) -> None:
    made(ritas, "Taken")
    for name in ("Taken", "taken", f"U_{rita[0].upper()}.TAKEN"):
        answer = put(ritas, name, b"other\n1\n")
        assert answer.status_code == 409, answer.text
        assert "already" in answer.text
    assert ask(ritas, f"SELECT COUNT(id) FROM u_{rita[0]}.taken") == [["3"]]


BODIES = {
    "a VOTable cut off": votable()[:-400],
    "a VOTable cut off in its head": votable()[:300],
    "a FITS file cut off": fits()[:-40_000],
    "a gzip file cut off": gzip.compress(ROWS * 2000)[:-200],
    "no table": b'{"rows": []}',
    "an unknown type": b"<table><column><name>a</name><dataType>quaternion</dataType></column></table>",
    "no columns": b"<table><name>a</name></table>",
    "not XML to its end": b"<table><column><name>a</name>",
    "an entity bomb": b'<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<table><column><name>&b;</name><dataType>int</dataType></column></table>",
    "a deep one": b"<table>" + b"<column>" * 100_000,
    "nothing": b"",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_broken_body_makes_no_table_and_shows_no_path(
    ritas: httpx.Client, rita: tuple[str, str], body: bytes
) -> None:
    answer = put(ritas, "broken", body)
    assert answer.status_code == 400, answer.text
    assert answer.text.strip()
    assert "/tmp" not in answer.text
    assert "--on-error" not in answer.text
    assert ritas.get(f"tables/u_{rita[0]}.broken").status_code == 404
    assert ritas.get("user-tables").json()["use"]["tables"] == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"id,ra,dec,note\n5,10,20,a\n6,north,20,b\n", "row 2, column ra: 'north'"),
        (b"id,ra,dec,note\n5,10,20,a\n6,10,120,b\n", "row 2, column dec: 120"),
        (b"id,ra,dec\n5,10,20\n", "note"),
        (b"id,ra,dec,note,extra\n5,10,20,a,1\n", "extra"),
        (b"id,ra,dec,note\n5,10,20,a\n6,10\n", "row 2"),
        (votable(), "ra"),
    ],
)
def test_rows_that_do_not_fit_leave_a_table_as_it_was(
    ritas: httpx.Client, rita: tuple[str, str], body: bytes, words: str
) -> None:
    name = f"u_{rita[0]}.stays"
    made(ritas, name)
    answer = ritas.post(f"load/{name}", content=body)
    assert answer.status_code == 400, answer.text
    assert words in answer.text
    assert "--on-error" not in answer.text
    assert ask(ritas, f"SELECT id FROM {name} ORDER BY id") == [["1"], ["2"], ["9007199254740993"]]


def test_a_body_that_breaks_off_changes_nothing(ritas: httpx.Client, rita: tuple[str, str], server: Service) -> None:
    name = f"u_{rita[0]}.cut"
    made(ritas, name)
    where = urlsplit(server.tap)
    for method, path in (("POST", f"load/{name}"), ("PUT", f"tables/{name}2")):
        head = (
            f"{method} {where.path}/{path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {rita[1]}\r\n"
            "Content-Type: text/csv\r\nContent-Length: 100000\r\n\r\n"
        )
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(head.encode() + b"id,ra,dec,note\n5,10,20,a\n" * 2)
            time.sleep(0.3)
    time.sleep(0.5)
    assert ask(ritas, f"SELECT COUNT(*) FROM {name}") == [["3"]]
    assert ritas.get(f"tables/{name}2").status_code == 404


def test_a_body_that_cannot_be_kept_is_told_and_nothing_is_lost(
    ritas: httpx.Client, rita: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = f"u_{rita[0]}.no_room"
    made(ritas, name)
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        answer = ritas.post(f"load/{name}", content=ROWS)
    assert answer.status_code == 500
    assert "the body of the request cannot be kept: No such file or directory" in answer.text
    assert str(tmp_path) not in answer.text
    assert ask(ritas, f"SELECT COUNT(*) FROM {name}") == [["3"]]


def test_a_body_over_the_limit_is_refused_with_the_limit(
    ritas: httpx.Client, server: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = server.context.user_tables
    monkeypatch.setattr(tables, "limits", replace(tables.limits, max_body_bytes=1000))
    answer = put(ritas, "large", ROWS * 100)
    assert answer.status_code == 413
    assert "1000 bytes" in answer.text


def test_a_column_with_values_twice_cannot_be_unique_and_stays_unique_when_it_is(
    ritas: httpx.Client, rita: tuple[str, str], server: Service
) -> None:
    name, caller = f"u_{rita[0]}.only_once", Identity(rita[0])
    made(ritas, name, b"id,kind\n1,a\n2,a\n3,b\n", "text/csv")
    for column, words in (("kind", "kind must be unique"), ("none", "has no column 'none'")):
        job = ritas.post("table-update", data={"table": name, "index": column, "unique": "true"}).headers["Location"]
        ritas.post(f"{job}/phase", data={"PHASE": "RUN"})
        while (phase := ritas.get(f"{job}/phase").text) in {"QUEUED", "EXECUTING"}:
            ritas.get(job, params={"WAIT": "2", "PHASE": phase})
        assert phase == "ERROR"
        assert words in ritas.get(f"{job}/error").text
    server.context.user_tables.index(caller, name, "id", is_unique=True)
    answer = ritas.post(f"load/{name}", content=b"id,kind\n4,c\n1,d\n")
    assert answer.status_code == 400
    assert "id = 1" in answer.text
    assert ask(ritas, f"SELECT COUNT(*) FROM {name}") == [["3"]]
    assert ritas.post(f"load/{name}", content=b"id,kind\n4,c\n").status_code == 204


def test_loads_at_once_into_one_table_lose_no_row(
    ritas: httpx.Client, rita: tuple[str, str], server: Service, tmp_path: Path
) -> None:
    name, caller = f"u_{rita[0]}.busy", Identity(rita[0])
    made(ritas, name, b"id,x\n0,0.5\n", "text/csv")
    files = []
    for number in range(1, 7):
        files.append(tmp_path / f"{number}.csv")
        files[-1].write_text(f"id,x\n{number},0.5\n")
    # Services of their own, which know nothing of each other, as other processes.
    services = [small(server, tmp_path) for _ in range(2)]

    def append(number: int) -> None:
        services[number % 2].append(caller, name, files[number])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(append, range(6)))
    assert ask(ritas, f"SELECT id FROM {name} ORDER BY id") == [[str(number)] for number in range(7)]


def test_of_two_who_make_one_table_at_once_one_is_told_so(
    ritas: httpx.Client, rita: tuple[str, str], server: Service, tmp_path: Path
) -> None:
    services = [small(server, tmp_path) for _ in range(2)]

    def create(service: UserTableService) -> str:
        try:
            service.create(Identity(rita[0]), "raced", tmp_path / "rows.tsv")
        except ConflictError:
            return "conflict"
        return "made"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(create, services)) == ["conflict", "made"]
    assert ask(ritas, f"SELECT COUNT(*) FROM u_{rita[0]}.raced") == [["3"]]


@pytest.mark.parametrize("quota", [{"max_rows": 5}, {"max_tables": 1}, {"max_bytes": 200}], ids=str)
def test_two_loads_at_once_do_not_pass_a_quota_together(
    ritas: httpx.Client, rita: tuple[str, str], server: Service, tmp_path: Path, quota: dict[str, int]
) -> None:
    services = [small(server, tmp_path, **quota) for _ in range(4)]

    def create(number: int) -> str:
        try:
            services[number].create(Identity(rita[0]), f"t{number}", tmp_path / "rows.tsv")
        except TooLargeError as error:
            return str(error)
        return "made"

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(create, range(4)))
    assert found.count("made") == 1
    limit = next(iter(quota.values()))
    refused = next(words for words in found if words != "made")
    assert f"the quota is {limit} " in refused
    assert "ask the operators" in refused
    use = server.context.user_tables.use(Identity(rita[0]))
    assert (use.n_tables, use.n_rows) == (1, 3)


def test_a_load_beyond_the_quota_is_stopped_on_its_way(rita: tuple[str, str], server: Service, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb") as file:
        file.write(b"x\n")
        for _ in range(200):
            file.write(b"1234567\n" * 100_000)
    with time_below(60), pytest.raises(TooLargeError, match="quota is 100000 rows"):
        small(server, tmp_path, max_rows=100_000).create(Identity(rita[0]), "bomb", bomb)
    assert server.context.store.user_tables.find(f"u_{rita[0]}.bomb") is None


KILLED = """
import os, signal, sys
from pathlib import Path
from vo_server.factory import ProcessContext
from vo_server.model.identity import Identity
from vo_server.services import user_loads
from vo_server.settings import PostgresSettings, Settings

database, data_schema, store_schema, user, file, when = sys.argv[1:]
settings = Settings(database=database, postgres=PostgresSettings(data_schema=data_schema, store_schema=store_schema))
context = ProcessContext.create(settings)
if when == "rows":
    read = user_loads._Named.batches
    def batches(self):
        yield next(read(self))
        os.kill(os.getpid(), signal.SIGKILL)
    user_loads._Named.batches = batches
else:
    user_loads._Publication.__call__ = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
context.user_tables.append(Identity(user), "killed", Path(file))
"""


@pytest.mark.parametrize("when", ["rows", "publication"])
def test_a_process_that_is_killed_in_a_load_leaves_the_table_as_it_was_and_nothing_else(
    ritas: httpx.Client, rita: tuple[str, str], server: Service, tmp_path: Path, when: str
) -> None:
    name = f"u_{rita[0]}.killed"
    made(ritas, name)
    (tmp_path / "more.tsv").write_bytes(ROWS)
    settings = server.context.settings
    schemas = (settings.postgres.data_schema, settings.postgres.store_schema)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, settings.database, *schemas, rita[0], str(tmp_path / "more.tsv"), when],
        check=False,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=600,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert ask(ritas, f"SELECT COUNT(*) FROM {name}") == [["3"]]
    engine = server.context.engine
    if hasattr(engine, "_grace_s"):
        engine._grace_s = 0.0  # PostgreSQL leaves what is young to a load that may just be ending
    deadline = time.monotonic() + 90
    while not (gone := server.context.user_tables.sweep_leftovers()) and when == "publication":
        assert time.monotonic() < deadline, "what the killed load has left is not swept"
        time.sleep(0.2)
    assert all(one not in server.context.store.catalogue.locations() for one in gone)
    assert ritas.post(f"load/{name}", content=ROWS).status_code == 204
    assert ask(ritas, f"SELECT COUNT(*) FROM {name}") == [["6"]]
