from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.store.samples import CREATED, GAIA, NOTES, STARS, release, table
from tests.support.stores import Place
from vo_server.errors import CatalogueError, MissingError, UsageError
from vo_server.model.table import Key, Schema
from vo_server.store import tables
from vo_server.store.open import Store

S = Schema("s")


def test_an_empty_store_publishes_tap_schema_only(store: Store) -> None:
    catalogue = store.catalogue.load()
    assert [schema.name for schema in catalogue.schemas] == ["tap_schema"]
    assert catalogue.version == 0


def test_a_published_table_is_loaded_as_it_was_given(store: Store) -> None:
    given = release(STARS)
    store.catalogue.publish(given, schema=GAIA)
    catalogue = store.catalogue.load()
    assert catalogue.find("gaia.Stars Of Å") == given.table
    assert replace(catalogue.schemas[0], tables=()) == GAIA


def test_the_catalogue_is_the_same_object_until_something_changes(store: Store) -> None:
    first = store.catalogue.load()
    assert store.catalogue.load() is first
    store.catalogue.publish(release(table()), schema=S)
    second = store.catalogue.load()
    assert second is not first
    assert second.version > first.version


def test_a_publication_is_seen_by_another_process(place: Place) -> None:
    writer, reader = place.open(), place.open()
    reader.catalogue.load()
    writer.catalogue.publish(release(table()), schema=S)
    assert reader.catalogue.load().find("s.t") is not None
    writer.close()
    reader.close()


def test_a_process_that_missed_a_removal_does_not_take_the_next_table_for_the_removed_one(place: Place) -> None:
    writer, reader = place.open(), place.open()
    writer.catalogue.publish(release(replace(table(), name="first")), schema=S)
    assert reader.catalogue.load().find("s.first") is not None
    writer.catalogue.remove("s.first")
    writer.catalogue.publish(release(replace(table(), name="second")), schema=S)
    found = reader.catalogue.load()
    assert found.find("s.first") is None
    assert found.find("s.second") is not None
    writer.close()
    reader.close()


def test_a_new_release_is_current_and_the_old_one_stays(store: Store) -> None:
    store.catalogue.publish(release(table(), "r1"), schema=S)
    store.catalogue.publish(release(table(column="y"), "r2"), schema=S)
    found = store.catalogue.releases("s.t")
    assert [(one.version, one.is_current) for one in found] == [("r2", True), ("r1", False)]
    assert found[0].created == CREATED
    assert found[0].sources == release(table()).sources
    current = store.catalogue.load().find("s.t")
    assert current is not None
    assert current.release == "r2"
    assert [column.name for column in current.columns] == ["y"]


def test_a_release_is_published_once(store: Store) -> None:
    store.catalogue.publish(release(table()), schema=S)
    with pytest.raises(UsageError, match="release r1 already"):
        store.catalogue.publish(release(table(), location="elsewhere"), schema=S)


def test_a_failed_publication_changes_nothing(store: Store) -> None:
    store.catalogue.publish(release(table()), schema=S)
    before = store.catalogue.load()
    with pytest.raises(UsageError):
        store.catalogue.publish(release(table(), location="elsewhere"), schema=Schema("s", description="new"))
    with pytest.raises(CatalogueError):  # the location is taken: found after the other rows were changed
        store.catalogue.publish(release(table(), "r2", location="tables/s.t/r1"), schema=Schema("s", description="new"))
    assert store.catalogue.load() is before
    assert [one.version for one in store.catalogue.releases("s.t")] == ["r1"]


@pytest.mark.parametrize(("schema", "name"), [("gaia", "source"), ("Gaia", "source"), ("GAIA", "other")])
def test_a_name_that_differs_only_in_case_is_refused(store: Store, schema: str, name: str) -> None:
    store.catalogue.publish(release(table("Gaia", "Source")), schema=Schema("Gaia"))
    if (schema, name) == ("Gaia", "source"):
        expected = "Gaia.source differs only in case from Gaia.Source"
    else:
        expected = f"{schema}.{name} differs only in case from Gaia"
    with pytest.raises(UsageError, match=expected):
        store.catalogue.publish(release(table(schema, name)), schema=Schema(schema))


@pytest.mark.parametrize("schema", ["tap_schema", "TAP_SCHEMA", "Tap_Upload"])
def test_a_reserved_schema_name_is_refused(store: Store, schema: str) -> None:
    with pytest.raises(UsageError, match="reserved"):
        store.catalogue.publish(release(table(schema)), schema=Schema(schema))


@pytest.mark.parametrize(("schema", "name"), [("", "t"), ("s", ""), ("s.t", "u"), ("s", "t.u")])
def test_a_name_that_full_names_cannot_carry_is_refused(store: Store, schema: str, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        store.catalogue.publish(release(table(schema, name)), schema=Schema(schema))


def test_the_description_of_a_schema_is_replaced_by_what_is_said_and_kept_otherwise(store: Store) -> None:
    store.catalogue.publish(release(table()), schema=Schema("s", description="old", title="S"))
    store.catalogue.publish(release(table(), "r2"), schema=Schema("s", description="new"))
    schema = store.catalogue.load().schemas[0]
    assert (schema.description, schema.title) == ("new", "S")


def test_an_old_release_can_be_made_current_again(store: Store) -> None:
    store.catalogue.publish(release(table(), "r1"), schema=S)
    store.catalogue.publish(release(table(), "r2"), schema=S)
    store.catalogue.make_current("s.t", "r1")
    found = store.catalogue.load().find("s.t")
    assert found is not None
    assert found.release == "r1"
    with pytest.raises(MissingError, match=r"no release r9.*r2, r1"):
        store.catalogue.make_current("s.t", "r9")
    with pytest.raises(MissingError, match=r"no table s.u"):
        store.catalogue.make_current("s.u", "r1")


def test_an_old_release_is_removed_alone(store: Store) -> None:
    store.catalogue.publish(release(table(), "r1"), schema=S)
    store.catalogue.publish(release(table(), "r2"), schema=S)
    assert store.catalogue.remove("s.t", "r1") == ("tables/s.t/r1",)
    assert store.catalogue.locations() == {"tables/s.t/r2"}


def test_the_current_release_is_not_removed_while_others_exist(store: Store) -> None:
    store.catalogue.publish(release(table(), "r1"), schema=S)
    store.catalogue.publish(release(table(), "r2"), schema=S)
    with pytest.raises(UsageError, match="is the current one"):
        store.catalogue.remove("s.t", "r2")
    assert store.catalogue.locations() == {"tables/s.t/r1", "tables/s.t/r2"}


def test_a_removed_table_takes_its_releases_and_its_empty_schema_along(store: Store) -> None:
    store.catalogue.publish(release(table(), "r1"), schema=S)
    store.catalogue.publish(release(table(), "r2"), schema=S)
    store.catalogue.publish(release(table("other")), schema=Schema("other"))
    assert set(store.catalogue.remove("s.t")) == {"tables/s.t/r1", "tables/s.t/r2"}
    assert [schema.name for schema in store.catalogue.load().schemas] == ["other", "tap_schema"]
    assert store.catalogue.releases("s.t") == ()
    with pytest.raises(MissingError):
        store.catalogue.remove("s.t")


def test_schemas_and_tables_come_in_the_order_of_their_indexes_then_names(store: Store) -> None:
    for name, index in [("c", None), ("b", None), ("a", 2), ("z", 1)]:
        store.catalogue.publish(release(replace(table("s1", name), index=index)), schema=Schema("s1"))
    store.catalogue.publish(release(table("s0")), schema=Schema("s0"))
    store.catalogue.publish(release(table("s9")), schema=Schema("s9", index=1))
    catalogue = store.catalogue.load()
    assert [schema.name for schema in catalogue.schemas] == ["s9", "s0", "s1", "tap_schema"]
    assert [one.name for one in catalogue.schemas[2].tables] == ["z", "a", "b", "c"]


def test_a_foreign_key_shows_only_while_its_target_is_published(store: Store) -> None:
    store.catalogue.publish(release(NOTES), schema=GAIA)
    assert [one.keys for one in store.catalogue.load().schemas[0].tables] == [()]
    store.catalogue.publish(release(STARS), schema=GAIA)
    notes = store.catalogue.load().find("gaia.notes")
    assert notes is not None
    assert notes.keys == NOTES.keys


def test_a_foreign_key_to_a_hidden_column_does_not_show(store: Store) -> None:
    key = Key("cell", STARS.full_name, (("source_id", "_healpix_29"),))
    store.catalogue.publish(release(STARS), schema=GAIA)
    store.catalogue.publish(release(replace(NOTES, keys=(key,))), schema=GAIA)
    notes = store.catalogue.load().find("gaia.notes")
    assert notes is not None
    assert notes.keys == ()


def test_a_release_that_does_not_fit_its_table_is_a_mistake_of_the_caller(store: Store) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        store.catalogue.publish(release(table()), schema=Schema("other"))


def test_publications_from_many_threads_leave_one_current_release(place: Place) -> None:
    stores = [place.open() for _ in range(4)]

    def publish(number: int) -> None:
        stores[number % 4].catalogue.publish(release(table(), f"r{number}"), schema=S)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(24)))
    found = stores[0].catalogue.releases("s.t")
    assert len(found) == 24
    assert [one.is_current for one in found].count(True) == 1
    assert stores[0].catalogue.version() == 24
    for store in stores:
        store.close()


def test_readers_see_each_publication_whole_while_they_happen(place: Place) -> None:
    """Each publication changes schema and table together; a reader never sees one of them without the other."""
    writer, reader = place.open(), place.open()
    done = threading.Event()

    def publish() -> None:
        for number in range(40):
            one = replace(table(), description=f"{number}")
            writer.catalogue.publish(release(one, f"r{number}"), schema=Schema("s", description=f"{number}"))
        done.set()

    versions: list[int] = []
    thread = threading.Thread(target=publish)
    thread.start()
    while not done.is_set():
        catalogue = reader.catalogue.load()
        versions.append(catalogue.version)
        found = catalogue.find("s.t")
        if found is not None:
            assert catalogue.schemas[0].description == found.description
            assert catalogue.version == int(found.description or "") + 1
    thread.join()
    assert versions == sorted(versions)
    writer.close()
    reader.close()


def test_a_database_that_fails_is_a_catalogue_error_without_its_words(store: Store) -> None:
    with store.database.write() as connection:
        tables.pins.drop(connection)
        tables.statistics.drop(connection)
        tables.releases.drop(connection)
    with pytest.raises(CatalogueError, match=r"^the catalogue database") as caught:
        store.catalogue.locations()
    assert "releases" not in str(caught.value)


def test_times_without_a_zone_are_refused(store: Store) -> None:
    with pytest.raises(CatalogueError) as caught:
        store.catalogue.publish(replace(release(table()), created=CREATED.replace(tzinfo=None)), schema=S)
    assert "has no zone" in str(caught.value.__cause__)
    with store.database.read() as connection:
        assert connection.execute(select(tables.releases.c.id)).all() == []
