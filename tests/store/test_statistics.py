"""Statistics of releases, as several processes read them."""

from __future__ import annotations

from tests.store.samples import release, table
from tests.support.stores import Place
from vo_server.model.statistics import TableStatistics
from vo_server.model.table import Schema
from vo_server.store.statistics import ReleaseStatistics

S = Schema("s")


def test_a_release_that_is_loaded_again_to_the_same_place_has_its_own_statistics(place: Place) -> None:
    writer, reader = place.open(), place.open()
    given = release(table())
    location = given.table.location
    assert location is not None
    for n_rows in (3, 7):
        writer.catalogue.publish(given, schema=S, statistics=ReleaseStatistics(TableStatistics(n_rows, n_rows, ())))
        assert reader.statistics.of([location])[location].n_rows == n_rows
        writer.catalogue.remove("s.t")
        assert reader.statistics.of([location]) == {}
    writer.close()
    reader.close()
