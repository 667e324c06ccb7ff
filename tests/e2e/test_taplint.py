"""The validator of the Virtual Observatory over the real catalogues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.taplint import ACCEPTED, taplint

if TYPE_CHECKING:
    from tests.e2e.conftest import RealService

pytestmark = [pytest.mark.e2e, pytest.mark.stilts, pytest.mark.catalogues]

METADATA_STAGES = frozenset({"TMV", "TME", "TMS", "TMC", "CPV", "CAP", "AVV"})
QUERY_STAGES = frozenset({"QGE", "QPO", "QAS", "UWS", "MDQ", "OBS", "LOC", "UPL", "EXA"})


def test_taplint_finds_no_error_and_only_what_is_explained(real_service: RealService, stilts: str) -> None:
    report = taplint(stilts, real_service.tap_url)
    left = [finding for finding in report.findings if finding.level in "EFW" and finding.key not in ACCEPTED]
    assert not left, "\n".join(f"{finding.key} {finding.text}" for finding in left)
    assert report.stages >= METADATA_STAGES | QUERY_STAGES
