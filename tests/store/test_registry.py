"""When records changed, as the store keeps it."""

from __future__ import annotations

from tests.store.samples import release, table
from vo_server.model.table import Schema
from vo_server.store.open import Store
from vo_server.store.registry import RegistryStore


def test_what_is_made_of_an_older_catalogue_changes_nothing(store: Store) -> None:
    times = RegistryStore(store.database)
    old = store.catalogue.version()
    first = times.update({"a": "1", "b": "1"}, version=old)
    assert not any(state.is_deleted for state in first.values())
    store.catalogue.publish(release(table()), schema=Schema("s"))
    new = times.update({"a": "2", "c": "1"}, version=store.catalogue.version())
    assert {name: state.is_deleted for name, state in new.items()} == {"a": False, "b": True, "c": False}
    late = times.update({"a": "1", "b": "1"}, version=old)
    assert late == new
    assert times.update({"a": "2", "c": "1"}, version=store.catalogue.version()) == new
