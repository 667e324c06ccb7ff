"""Releases by names of their own: who has which name, what keeps whom, and what a caller sees of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.store.samples import release, table
from vo_server.errors import MissingError, UsageError
from vo_server.model.changes import Changes
from vo_server.model.identity import Identity
from vo_server.model.table import Schema
from vo_server.model.user_table import UserTable
from vo_server.store.open import Store
from vo_server.store.tables import utc_now
from vo_server.store.user_tables import Quota

S = Schema("s")
PLENTY = Quota(10, 10**9, 10**9)


@pytest.fixture
def two(store: Store) -> Store:
    """A store with two releases of ``s.t``, whose columns differ."""
    store.catalogue.publish(release(table(), "DR1"), schema=S)
    store.catalogue.publish(release(table(column="y"), "DR2"), schema=S)
    return store


def test_a_pinned_release_is_a_table_described_as_it_was(two: Store) -> None:
    assert two.catalogue.pin("s.t", "DR1", "t_dr1") == "s.t_dr1"
    found = two.catalogue.load().find("s.t_dr1")
    assert found is not None
    assert ([one.name for one in found.columns], found.release, found.release_of) == (["x"], "DR1", "s.t")
    assert found.location == "tables/s.t/DR1"
    assert found.description == "Release DR1 of s.t."


def test_a_pin_stays_with_its_release_whatever_becomes_current(two: Store) -> None:
    two.catalogue.pin("s.t", "DR2", "s.latest_dr")
    two.catalogue.make_current("s.t", "DR1")
    found = two.catalogue.load().find("s.latest_dr")
    assert found is not None
    assert found.release == "DR2"


def test_the_name_of_a_release_may_be_the_one_that_queries_use_anyway(two: Store) -> None:
    assert two.catalogue.pin("s.t", "DR1", "s.t@DR1") == "s.t@DR1"
    assert two.catalogue.load().find("s.t@DR1") is not None


@pytest.mark.parametrize("name", ["", "s.", "a.b", "t@DR2", "x@y"])
def test_a_name_that_would_mislead_is_refused(two: Store, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be a name of release DR1 of s.t"):
        two.catalogue.pin("s.t", "DR1", name)


@pytest.mark.parametrize("name", ["t", "T", "s.pinned", "PINNED"])
def test_a_name_that_is_taken_is_refused_in_any_case(two: Store, name: str) -> None:
    two.catalogue.pin("s.t", "DR2", "pinned")
    with pytest.raises(UsageError, match=r"there is a table s.t already|s.pinned is the name of a pinned release"):
        two.catalogue.pin("s.t", "DR1", name)


def test_a_release_that_is_not_there_cannot_be_pinned(two: Store) -> None:
    with pytest.raises(MissingError, match=r"no release DR9.*DR2, DR1"):
        two.catalogue.pin("s.t", "DR9", "t9")
    with pytest.raises(MissingError, match=r"no table s.u"):
        two.catalogue.pin("s.u", "DR1", "u1")


def test_no_table_is_published_under_the_name_of_a_pinned_release(two: Store) -> None:
    two.catalogue.pin("s.t", "DR1", "old")
    with pytest.raises(UsageError, match=r"s.old is the name of a pinned release") as caught:
        two.catalogue.publish(release(table("s", "Old")), schema=S)
    assert "ingest unpin s.old" in (caught.value.hint or "")


def test_a_name_that_was_taken_back_is_free_and_its_release_stays(two: Store) -> None:
    two.catalogue.pin("s.t", "DR1", "old")
    assert two.catalogue.unpin("S.OLD") == ("s.t", "DR1")
    assert two.catalogue.load().find("s.old") is None
    assert [one.version for one in two.catalogue.releases("s.t")] == ["DR2", "DR1"]
    with pytest.raises(MissingError, match=r"no release is pinned as s.old"):
        two.catalogue.unpin("s.old")


def test_what_is_pinned_is_removed_only_when_told(two: Store) -> None:
    two.catalogue.pin("s.t", "DR1", "old")
    for version in ("DR1", None):
        with pytest.raises(UsageError, match=r"release DR1 is pinned as s.old"):
            two.catalogue.remove("s.t", version)
    assert two.catalogue.remove("s.t", "DR1", even_pinned=True) == ("tables/s.t/DR1",)
    assert two.catalogue.load().find("s.old") is None


def test_old_releases_go_but_the_newest_the_current_and_the_pinned_ones(store: Store) -> None:
    for number in range(6):
        store.catalogue.publish(release(table(), f"r{number}"), schema=S)
    store.catalogue.make_current("s.t", "r1")
    store.catalogue.pin("s.t", "r2", "kept")
    removal = store.catalogue.remove_old("s.t", n_kept=2)
    assert (removal.versions, removal.pinned) == (("r3", "r0"), ("r2",))
    assert set(removal.locations) == {"tables/s.t/r3", "tables/s.t/r0"}
    assert [one.version for one in store.catalogue.releases("s.t")] == ["r5", "r4", "r2", "r1"]
    assert store.catalogue.remove_old("s.t", n_kept=9).versions == ()


def test_the_last_table_of_a_schema_takes_the_schema_along(two: Store) -> None:
    two.catalogue.pin("s.t", "DR1", "old")
    two.catalogue.remove("s.t", even_pinned=True)
    assert [one.name for one in two.catalogue.load().schemas] == ["tap_schema"]


def test_what_is_found_out_of_a_release_is_kept_with_it(two: Store) -> None:
    changes = Changes("DR1", ("id",), 1, 2, 3, class_columns=("class",), n_reclassified=1)
    before = two.catalogue.version()
    two.catalogue.note("s.t", "DR2", checksum="duckdb:ab", changes=changes)
    assert two.catalogue.version() > before
    newest, older = two.catalogue.releases("s.t")
    assert (newest.checksum, newest.changes) == ("duckdb:ab", changes)
    assert (older.checksum, older.changes) == (None, None)
    (row,) = [
        row
        for row in two.catalogue.inline(two.catalogue.load())["tap_schema.releases"].to_pylist()
        if row["is_current"]
    ]
    assert (row["compared_with"], row["rows_added"], row["rows_removed"]) == ("DR1", 1, 2)
    assert (row["rows_changed"], row["rows_reclassified"], row["checksum"]) == (3, 1, "duckdb:ab")
    assert row["changes"] == "since DR1: 1 added, 2 removed, 3 changed, 1 of another class (class)"


def test_releases_are_listed_with_the_names_that_queries_use(two: Store) -> None:
    two.catalogue.pin("s.t", "DR1", "t_dr1")
    rows = two.catalogue.inline(two.catalogue.load())["tap_schema.releases"].to_pylist()
    assert [(row["table_name"], row["release_name"], row["pinned_name"], row["alias"]) for row in rows] == [
        ("s.t", "DR2", 's."t@DR2"', None),
        ("s.t", "DR1", 's."t@DR1"', "s.t_dr1"),
    ]
    assert [row["is_current"] for row in rows] == [1, 0]


def test_releases_of_a_users_table_are_hidden_with_it_and_cannot_be_pinned(store: Store) -> None:
    store.users.add("ada")
    now = utc_now()
    kept = UserTable("user_ada.mine", "ada", now, now + timedelta(days=9), 3, 30)
    store.catalogue.publish(
        release(table("user_ada", "mine"), "r1"),
        schema=Schema("user_ada"),
        within=store.user_tables.claim(kept, base=None, quota=PLENTY),
    )
    assert store.catalogue.load().releases.named("mine@r1") == ()
    (own,) = store.catalogue.load(Identity("ada")).releases.named("mine@r1")
    assert own.full_name == "user_ada.mine"
    with pytest.raises(UsageError, match="is a table of the user ada"):
        store.catalogue.pin("user_ada.mine", "r1", "other")


def test_a_release_that_is_dropped_under_a_catalogue_is_no_table_of_it_any_more(two: Store) -> None:
    catalogue = two.catalogue.load()
    (entry,) = catalogue.releases.named("T@dr1")
    two.catalogue.remove("s.t", "DR1")
    assert catalogue.releases.table(entry) is None
