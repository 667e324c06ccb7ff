"""Records and answers of the registry against the schemas, as far as these are there (tests/support/registry.py)."""

from __future__ import annotations

import httpx
import pytest

from tests.support.registry import registry_findings
from tests.support.service import Service

pytestmark = pytest.mark.stilts


def test_every_answer_of_the_registry_is_valid(registry_server: Service, stilts: str) -> None:
    asked: list[dict[str, str]] = [
        {"verb": "Identify"},
        {"verb": "ListMetadataFormats"},
        {"verb": "ListSets"},
        {"verb": "ListIdentifiers", "metadataPrefix": "ivo_vor"},
        {"verb": "ListRecords", "metadataPrefix": "oai_dc"},
        {"verb": "GetRecord", "metadataPrefix": "oai_dc", "identifier": "ivo://example.org/tap/cone.sky"},
        {"verb": "Nonsense"},
        {"verb": "GetRecord", "metadataPrefix": "oai_dc", "identifier": "ivo://example.org/nothing"},
    ]
    answers = [httpx.get(f"{registry_server.url}/oai", params=one, timeout=60).content for one in asked]
    following: dict[str, str] = {"metadataPrefix": "ivo_vor"}
    while following:
        answers.append(
            httpx.get(f"{registry_server.url}/oai", params={"verb": "ListRecords", **following}, timeout=60).content
        )
        _, _, rest = answers[-1].partition(b"<resumptionToken")
        token = rest.partition(b">")[2].partition(b"<")[0].decode() if rest[:1] == b" " else ""
        following = {"resumptionToken": token} if token.strip() else {}
    assert len(answers) > len(asked) + 1
    assert registry_findings(stilts, *answers) == []


def test_the_capabilities_of_a_cone_search_are_valid(cone_server: Service, stilts: str) -> None:
    answers = [
        httpx.get(f"{cone_server.url}/scs/{table}/capabilities", timeout=60).content
        for table in ("cone.sky", "cone.points")
    ]
    assert registry_findings(stilts, *answers) == []


def test_a_mistake_would_be_found(registry_server: Service, stilts: str) -> None:
    asked = {"verb": "GetRecord", "metadataPrefix": "ivo_vor", "identifier": "ivo://example.org/tap/cone.sky"}
    answer = httpx.get(f"{registry_server.url}/oai", params=asked, timeout=60).content
    for right, wrong in ((b"<maxSR>180", b"<maxSR>wide"), (b"<subject>", b"<topic>"), (b'status="active"', b"")):
        assert registry_findings(stilts, answer.replace(right, wrong)) != []
