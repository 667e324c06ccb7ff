from __future__ import annotations

from pathlib import Path

from vo_server.services import health
from vo_server.services.health import HealthService
from vo_server.store.open import Store
from vo_server.store.results import ResultStore


def test_a_service_whose_parts_work_is_available(store: Store, tmp_path: Path) -> None:
    results = ResultStore(tmp_path / "results")
    found = HealthService(checks={"catalogue": store.catalogue.version, "results": results.check}).check()
    assert (found.is_available, found.problems) == (True, ())


def test_a_part_that_fails_is_named_without_its_secrets(store: Store, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    results = ResultStore(tmp_path / "results")
    found = HealthService(checks={"catalogue": store.catalogue.version, "results": results.check}).check()
    assert (found.is_available, found.problems) == (False, ("the results cannot be used now",))


def test_an_answer_holds_for_a_moment() -> None:
    calls: list[int] = []
    service = HealthService(checks={"database": lambda: calls.append(1)})
    for _ in range(5):
        service.check()
    assert len(calls) == 1
    assert service._known is not None
    service._known = (service._known[0] - health._KEEP_S - 1, service._known[1])
    service.check()
    assert len(calls) == 2
