from __future__ import annotations

import pytest

from tests.store.samples import GAIA, STARS, release
from vo_server.errors import MissingError
from vo_server.services.catalogue import CatalogueService
from vo_server.store.open import Store


@pytest.fixture
def service(store: Store) -> CatalogueService:
    store.catalogue.publish(release(STARS), schema=GAIA)
    return CatalogueService(catalogue=store.catalogue, statistics=store.statistics)


@pytest.mark.parametrize(
    "name", ['gaia."Stars Of Å"', "gaia.Stars Of Å", 'GAIA."stars of å"'], ids=["published", "bare", "other case"]
)
def test_a_table_is_found_by_its_name(service: CatalogueService, name: str) -> None:
    assert service.table(name).name == "Stars Of Å"


def test_the_tables_of_tap_schema_are_found(service: CatalogueService) -> None:
    assert service.table("TAP_SCHEMA.Columns") is service.load().find("tap_schema.columns")


def test_an_unknown_table_is_missing_with_the_nearest_name(service: CatalogueService) -> None:
    with pytest.raises(MissingError, match=r"did you mean tap_schema.columns\?"):
        service.table("tap_schema.colums")
    with pytest.raises(MissingError, match="see /tables"):
        service.table("xyz")
