"""Links as STILTS judges them and pyvo follows them."""

from __future__ import annotations

import gc
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import pyvo
import requests

from tests.support.service import Service
from tests.support.taplint import taplint
from tests.support.xsd import votlint

FIRST = 2**60


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """Speak as pyvo does, which leaves its connections open; close them here."""
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield session
        gc.collect()


@pytest.mark.stilts
@pytest.mark.parametrize("ids", [[str(FIRST + 7), str(FIRST + 8), "none"], []], ids=["some", "none"])
def test_datalinklint_and_votlint_find_nothing(
    ids: list[str], cone_server: Service, stilts: str, tmp_path: Path
) -> None:
    answer = httpx.get(f"{cone_server.url}/datalink/cone.sky", params=[("ID", one) for one in ids], timeout=60)
    file = tmp_path / "links.vot"
    file.write_bytes(answer.content)
    done = subprocess.run(
        [stilts, "datalinklint", f"votable={file}", "report=EWF"], capture_output=True, text=True, check=False
    )
    found = [line for line in (done.stdout + done.stderr).splitlines() if line[:2] in {"E-", "W-", "F-"}]
    # STILTS 3.4.7 has the vocabulary from before these two terms.
    newer = ("'counterpart'", "'documentation'")
    assert [line for line in found if not (line.startswith("E-SMCO") and any(term in line for term in newer))] == []
    assert votlint(stilts, answer.content) == []


@pytest.mark.stilts
def test_taplint_finds_no_error_in_answers_that_describe_services(cone_server: Service, stilts: str) -> None:
    report = taplint(stilts, cone_server.tap, "stages=TMV TME TMS TMC CPV CAP QGE MDQ")
    assert {"QGE", "MDQ"} <= report.stages
    assert [one for one in report.findings if one.level in {"E", "F"}] == []


def test_pyvo_follows_the_links_of_the_rows_of_a_query(cone_server: Service, session: requests.Session) -> None:
    tap = pyvo.dal.TAPService(cone_server.tap, session=session)
    found = tap.search(f"SELECT source_id, mag FROM cone.sky WHERE source_id BETWEEN {FIRST + 6} AND {FIRST + 9}")
    links = list(found.iter_datalinks(preserve_order=True))
    assert len(links) == len(found) == 4
    assert all(isinstance(one, pyvo.dal.adhoc.DatalinkResults) for one in links)
    (this,) = list(links[0].bysemantics("#this", include_narrower=False))
    row = pyvo.dal.DALResults.from_result_url(this.access_url, session=session)
    assert row[0]["source_id"] == found[0]["source_id"]
    assert [link.access_url[:26] for link in links[3].bysemantics("#cutout", include_narrower=False)] == [
        "https://example.org/cutout"
    ]


def test_pyvo_follows_the_links_of_a_record_of_a_cone_search(cone_server: Service, session: requests.Session) -> None:
    searches = pyvo.dal.SCSService(f"{cone_server.url}/scs/cone.sky", session=session)
    (record,) = searches.search(pos=(45, 45), radius=0.001)
    links = record.getdatalink()
    assert {link.semantics for link in links} >= {"#this", "#auxiliary", "#cutout", "#documentation"}
