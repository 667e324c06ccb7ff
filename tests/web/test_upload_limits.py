"""Uploads that are too large, broken on their way or made to do harm: clear errors, and nothing left or lost."""

from __future__ import annotations

import gzip
import io
import os
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from astropy.io.votable import parse_single_table
from astropy.table import Table

from tests.web.test_uploads import asked, positions, rows, votable
from vo_server.formats.registry import OUTPUT_FORMATS
from vo_server.services.upload_memory import Patience, UploadMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.service import Service

N_ROWS = 100_000
"""Rows of a large upload, each of eight bytes."""
TOTAL_BYTES = 1_200_000
COUNT = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t"


@contextmanager
def limited(server: Service, **limits: int) -> Iterator[None]:
    """Change limits of uploads for a while."""
    uploads = server.context.uploads
    before = uploads.limits
    uploads.limits = replace(before, **limits)
    try:
        yield
    finally:
        uploads.limits = before


@contextmanager
def little_memory(server: Service, *, max_wait_s: float) -> Iterator[UploadMemory]:
    """Give uploads little memory together for a while: one is large beside it, two are too much."""
    uploads = server.context.uploads
    before = uploads.memory, uploads.patience
    uploads.memory, uploads.patience = UploadMemory(TOTAL_BYTES, small_bytes=20_000), Patience(max_wait_s)
    try:
        yield uploads.memory
    finally:
        uploads.memory, uploads.patience = before


def kept_files(server: Service) -> set[Path]:
    return {path for path in Path(str(server.context.results)).rglob("*") if path.is_file()}


def open_files() -> int:
    """Return how many files without a name this process has open."""
    links = list(Path("/proc/self/fd").iterdir())
    return sum("(deleted)" in str(link.readlink()) for link in links if link.is_symlink())


def test_uploads_over_the_limit_of_bytes_are_refused_with_it(client: httpx.Client, server: Service) -> None:
    with limited(server, max_bytes=10_000):
        answer = asked(client, COUNT, upload="t,param:x;u,param:y", x=b"a\n" + b"1\n" * 4000, y=b"a\n" + b"1\n" * 4000)
    assert answer.status_code == 413
    assert "10000 bytes together" in answer.text


def test_uploads_over_the_limit_of_rows_are_refused_with_it(client: httpx.Client, server: Service) -> None:
    with limited(server, max_rows=100):
        assert asked(client, COUNT, upload="t,param:x", x=b"a\n" + b"1\n" * 100).status_code == 200
        answer = asked(client, COUNT, upload="t,param:x", x=b"a\n" + b"1\n" * 101)
    assert answer.status_code == 413
    assert "an upload may have 100" in answer.text


def test_too_many_uploads_are_refused_with_the_limit(client: httpx.Client, server: Service) -> None:
    upload = ";".join(f"t{number},param:x" for number in range(3))
    query = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t0"
    assert asked(client, query, upload=upload, x=b"a\n1\n").status_code == 200
    with limited(server, max_tables=2):
        answer = asked(client, query, upload=upload, x=b"a\n1\n")
    assert (answer.status_code, "3 uploads; at most 2" in answer.text) == (413, True)


def test_a_body_over_the_limit_is_read_on_before_it_is_refused(client: httpx.Client) -> None:
    answer = asked(client, COUNT, upload="t,param:x", x=b"a\n" + b"1\n" * 1_500_000)
    assert answer.status_code == 413
    assert "1000000 bytes" in answer.text


def test_parameters_over_the_memory_limit_are_refused_although_the_body_is_not(
    client: httpx.Client, server: Service
) -> None:
    with server.changed(max_form_bytes=1000):
        answer = client.post("sync", data={"QUERY": "SELECT 1" + " " * 2000}, files={"x": ("x", b"a\n1\n")})
    assert answer.status_code == 413
    assert "1000 bytes" in answer.text


def test_the_capabilities_name_the_methods_and_the_limit(client: httpx.Client) -> None:
    told = re.sub(r">\s+<", "><", client.get("capabilities").text)
    for method in ("inline", "http", "https"):
        assert f"TAPRegExt#upload-{method}" in told
    assert '<uploadLimit><default unit="byte">1000000</default><hard unit="byte">1000000</hard></uploadLimit>' in told


def test_an_upload_that_is_cut_off_leaves_nothing(client: httpx.Client, server: Service) -> None:
    files, kept = open_files(), kept_files(server)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="QUERY"\r\n\r\nSELECT 1\r\n'
        b'--x\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n' + b"a\n1\n" * 1000
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("sync", "async"):
        answer = client.post(path, content=body, headers=kind)
        assert (answer.status_code, "cut off" in answer.text) == (400, True)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as gone:
        head = ["POST /tap/async HTTP/1.1", "Host: x", *(f"{key}: {value}" for key, value in kind.items())]
        gone.sendall("\r\n".join([*head, "Content-Length: 900000", "", ""]).encode() + body)
    assert rows(asked(client, COUNT, upload="t,param:x", x=b"a\n1\n")).to_table()["n"].tolist() == [1]
    assert kept_files(server) == kept
    deadline = time.monotonic() + 90  # the server may not have noticed yet who has gone
    while open_files() > files and time.monotonic() < deadline:
        time.sleep(0.05)
    assert open_files() <= files


def test_a_table_that_is_cut_off_is_told_with_its_row(client: httpx.Client) -> None:
    answer = asked(client, COUNT, upload="t,param:x", x=votable(positions(50))[:-2000])
    assert answer.status_code == 400
    assert "upload t, row" in answer.text


def test_the_error_of_a_job_names_row_and_column(client: httpx.Client) -> None:
    data = {"QUERY": COUNT, "UPLOAD": "t,param:x", "PHASE": "RUN"}
    table = votable(positions(3)).replace(b"<TD>1</TD>", b"<TD>one</TD>")
    job = str(client.post("async", data=data, files={"x": ("x", table)}, follow_redirects=True).url)
    for _ in range(3):
        client.get(job, params={"WAIT": "10"})
    assert client.get(f"{job}/phase").text == "ERROR"
    error = client.get(f"{job}/error").text
    assert "upload t, row 2, column number" in error
    assert "one" in error


def test_a_job_whose_uploads_cannot_be_kept_is_none(
    client: httpx.Client, server: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    n_jobs = len(server.context.store.jobs.ids())
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        answer = client.post("async", data={"QUERY": COUNT}, files={"x": ("x", b"a\n1\n")})
    assert answer.status_code == 500
    assert "No space left on device" in answer.text
    assert len(server.context.store.jobs.ids()) == n_jobs


@pytest.mark.filterwarnings("ignore::astropy.io.votable.exceptions.W03")  # astropy makes an ID of the name
def test_hostile_and_reserved_names_are_names(client: httpx.Client) -> None:
    given = Table({'"; DROP TABLE "web"."stars"; --': [1, 2], "select": [3, 4], "a b": [5, 6], "xmin": [7, 8]})
    query = 'SELECT """; DROP TABLE ""web"".""stars""; --", "select", "a b" FROM TAP_UPLOAD."table" WHERE "select" > 3'
    found = rows(asked(client, query, upload="table,param:x", x=votable(given)))
    assert [tuple(row) for row in found.to_table()] == [(2, 4, 6)]
    assert rows(asked(client, "SELECT COUNT(*) AS n FROM web.stars", upload="")).to_table()["n"].tolist() == [5000]


def test_names_that_clash_are_made_different_and_told(client: httpx.Client) -> None:
    document = votable(Table({"a": [1], "b": [2]})).replace(b'name="b"', b'name="A"')
    answer = asked(client, "SELECT * FROM TAP_UPLOAD.t", upload="t,param:x", x=document)
    assert [field.name for field in rows(answer).fields] == ["a", "A_2"]
    assert "now A_2" in answer.text


def test_an_upload_named_as_a_published_table_is_told_from_it(client: httpx.Client) -> None:
    given = votable(positions(3))
    found = rows(asked(client, "SELECT COUNT(*) AS n FROM TAP_UPLOAD.stars", upload="stars,param:x", x=given))
    assert found.to_table()["n"].tolist() == [3]
    found = rows(asked(client, "SELECT COUNT(*) AS n FROM web.stars", upload="stars,param:x", x=given))
    assert found.to_table()["n"].tolist() == [5000]
    answer = asked(client, "SELECT COUNT(*) AS n FROM stars", upload="stars,param:x", x=given)
    assert (answer.status_code, "TAP_UPLOAD.stars" in answer.text) == (400, True)


def test_uploads_are_seen_by_their_query_alone(client: httpx.Client) -> None:
    asked(client, COUNT, upload="t,param:x", x=votable(positions(3)))
    assert client.post("sync", data={"QUERY": COUNT}).status_code == 400
    listed = client.post(
        "sync",
        data={"QUERY": "SELECT table_name FROM TAP_SCHEMA.tables", "UPLOAD": "t,param:x", "RESPONSEFORMAT": "csv"},
        files={"x": ("x", votable(positions(3)))},
    )
    assert "upload" not in listed.text.lower()


@pytest.mark.parametrize("name", [one.name for one in OUTPUT_FORMATS if one.name not in {"json", "jsonl", "html"}])
def test_an_answer_in_any_format_can_be_uploaded_again(client: httpx.Client, name: str) -> None:
    query = "SELECT TOP 500 id, ra, dec, mag, name FROM web.stars ORDER BY id DESC"
    first = client.post("sync", data={"QUERY": query, "RESPONSEFORMAT": name})
    assert first.status_code == 200
    again = asked(client, "SELECT * FROM TAP_UPLOAD.t", upload="t,param:x", x=first.content)
    reference = parse_single_table(io.BytesIO(client.post("sync", data={"QUERY": query}).content)).to_table()
    found = rows(again).to_table()
    assert found.colnames == reference.colnames
    for column in found.colnames:
        mine, theirs = (np.ma.filled(np.ma.asarray(table[column]), 0) for table in (found, reference))
        if theirs.dtype.kind == "f":  # text formats have no floats of 24 bits
            mine = mine.astype(theirs.dtype)
        if name == "fits" and theirs.dtype.kind in "OU":  # which has ASCII only
            theirs = np.array([text.replace("Å", "?") for text in theirs])
        assert mine.tolist() == theirs.tolist(), column


def test_the_rows_of_a_large_upload_keep_their_order(client: httpx.Client) -> None:
    numbers = np.random.default_rng(3).permutation(80_000)
    content = b"k\n" + "\n".join(map(str, numbers)).encode() + b"\n"
    answer = client.post(
        "sync",
        data={"QUERY": "SELECT * FROM TAP_UPLOAD.t", "UPLOAD": "t,param:x", "RESPONSEFORMAT": "csv", "MAXREC": "90000"},
        files={"x": ("x", content)},
    )
    assert answer.text.split()[1:] == list(map(str, numbers))


def is_given_back(memory: UploadMemory) -> bool:
    """Tell whether nothing is held any more; the end of an answer comes a little before the end of its query."""
    deadline = time.monotonic() + 90
    while memory.held_bytes and time.monotonic() < deadline:
        time.sleep(0.01)
    return memory.held_bytes == 0


def large(n_rows: int) -> bytes:
    """Return a text with a number of eight bytes in each row, which takes eight bytes of memory, too."""
    return b"a\n" + b"".join(b"%07d\n" % number for number in range(n_rows))


def test_large_uploads_at_once_take_turns_and_never_hold_more_than_all_may_and_one(server: Service) -> None:
    body = large(N_ROWS)
    held: list[int] = []
    is_done = threading.Event()

    def upload(_number: int) -> int:
        with httpx.Client(base_url=f"{server.tap}/", timeout=120) as client:
            answer = asked(client, COUNT, upload="t,param:x", x=body)
        return int(rows(answer).array["n"][0])

    with little_memory(server, max_wait_s=100) as memory:

        def watch() -> None:
            while not is_done.wait(0.002):
                held.append(memory.held_bytes)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            with ThreadPoolExecutor(8) as pool:
                counts = list(pool.map(upload, range(8)))
        finally:
            is_done.set()
            watcher.join()
        assert is_given_back(memory)
    assert counts == [N_ROWS] * 8
    assert len(body) <= max(held) <= TOTAL_BYTES + len(body)


def test_an_upload_without_room_is_refused_with_when_to_come_back_and_a_small_one_is_not(
    client: httpx.Client, server: Service
) -> None:
    holder = object()
    with little_memory(server, max_wait_s=0.3) as memory:
        memory.want(holder, TOTAL_BYTES - 100_000, Patience(1))  # as a query does that runs for long
        files_before = open_files()
        refused = asked(client, COUNT, upload="t,param:x", x=large(N_ROWS))
        assert refused.status_code == 429, refused.text
        assert refused.headers["X-VO-Limit"] == "upload-memory"
        assert int(refused.headers["Retry-After"]) > 0
        assert f"{TOTAL_BYTES} bytes of memory together" in refused.text
        assert open_files() <= files_before
        assert asked(client, COUNT, upload="t,param:x", x=large(1000)).status_code == 200
        memory.release(holder)
        assert asked(client, COUNT, upload="t,param:x", x=large(N_ROWS)).status_code == 200
        assert is_given_back(memory)


def test_an_upload_that_is_larger_when_it_is_unpacked_waits_for_the_rest(client: httpx.Client, server: Service) -> None:
    packed = gzip.compress(b"a\n" + N_ROWS * b"1234567\n")
    with little_memory(server, max_wait_s=0.3) as memory:
        memory.want(holder := object(), TOTAL_BYTES - 100_000, Patience(1))
        assert len(packed) < 20_000, "small as long as it is packed"
        refused = asked(client, COUNT, upload="t,param:x", x=packed)
        assert (refused.status_code, refused.headers["X-VO-Limit"]) == (429, "upload-memory")
        memory.release(holder)
        assert asked(client, COUNT, upload="t,param:x", x=packed).status_code == 200
        assert is_given_back(memory)


def test_a_job_waits_for_room_as_long_as_it_may_run(client: httpx.Client, server: Service) -> None:
    holder = object()
    with little_memory(server, max_wait_s=0.1) as memory:
        memory.want(holder, TOTAL_BYTES - 100_000, Patience(1))
        given = {"LANG": "ADQL", "QUERY": COUNT, "UPLOAD": "t,param:x", "PHASE": "RUN", "RESPONSEFORMAT": "csv"}
        job = client.post("async", data=given, files={"x": large(N_ROWS)}).headers["Location"]
        deadline = time.monotonic() + 90
        while client.get(f"{job}/phase").text == "QUEUED":
            assert time.monotonic() < deadline
        time.sleep(0.5)
        assert client.get(f"{job}/phase").text == "EXECUTING"
        memory.release(holder)
        client.get(job, params={"WAIT": "30", "PHASE": "EXECUTING"})
        assert client.get(f"{job}/results/result").text.split() == ["n", str(N_ROWS)]
        assert is_given_back(memory)
