from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from vo_server.errors import ConflictError, MissingError, TooLargeError, UsageError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.release import Release
from vo_server.model.table import Catalogue, Column, Key, Schema, Table
from vo_server.model.user_table import UserTable
from vo_server.store.open import Store
from vo_server.store.user_tables import Quota

NOW = datetime.now(UTC)
QUOTA = Quota(max_tables=3, max_rows=100, max_bytes=1000)
RITA, ANNA = Identity("rita"), Identity("anna")


@pytest.fixture
def store(store: Store) -> Store:
    for name in ("rita", "anna"):
        store.users.add(name)
    return store


def publish(store: Store, full_name: str, version: str, within: Callable[[Connection], None] | None = None) -> None:
    schema, _, name = full_name.partition(".")
    table = Table(
        schema, name, (Column("a", DataType(Primitive.INT)),), release=version, location=f"{full_name}/{version}"
    )
    store.catalogue.publish(Release(table, version, NOW), schema=Schema(schema), within=within)


def keep(
    store: Store, full_name: str, version: str = "1", base: str | None = None, owner: str = "rita", **facts: int
) -> None:
    kept = UserTable(full_name, owner, NOW, NOW + timedelta(days=9), n_rows=facts.get("n_rows", 1), size_bytes=10)
    publish(store, full_name, version, store.user_tables.claim(kept, base=base, quota=QUOTA))


def names(catalogue: Catalogue) -> set[str]:
    return {table.full_name for table in catalogue.tables if table.schema != "tap_schema"}


def test_each_caller_has_a_view_and_what_is_the_same_is_the_same_object(store: Store) -> None:
    publish(store, "survey.main", "1")
    everybody = store.catalogue.load()
    assert store.catalogue.load(RITA) is everybody is store.catalogue.load_all()
    keep(store, "u_rita.t")
    everybody = store.catalogue.load()
    assert names(everybody) == {"survey.main"}
    assert "u_rita" not in {schema.name for schema in everybody.schemas}
    assert names(store.catalogue.load(RITA)) == names(store.catalogue.load_all()) == {"survey.main", "u_rita.t"}
    assert store.catalogue.load(ANNA) is everybody is store.catalogue.load(ANONYMOUS)
    assert store.catalogue.load(RITA) is store.catalogue.load(RITA)
    store.user_tables.share("u_rita.t", is_public=False, readers={"anna"})
    assert names(store.catalogue.load(ANNA)) == {"survey.main", "u_rita.t"}
    assert names(store.catalogue.load()) == {"survey.main"}


def test_rows_of_tap_schema_are_those_of_the_view(store: Store) -> None:
    publish(store, "survey.main", "1")
    keep(store, "u_rita.t")

    def listed(caller: Identity) -> list[str]:
        rows = store.catalogue.inline(store.catalogue.load(caller))
        found: list[str] = rows["tap_schema.tables"].column("table_name").to_pylist()
        return [name for name in found if not name.startswith("tap_schema")]

    for _ in range(2):
        assert listed(RITA) == ["survey.main", "u_rita.t"]
        assert listed(ANNA) == listed(ANONYMOUS) == ["survey.main"]
    everybody = store.catalogue.load()
    assert store.catalogue.inline(everybody) is store.catalogue.inline(store.catalogue.load(ANNA))


def test_a_key_to_a_table_of_a_user_is_there_for_those_who_see_both(store: Store) -> None:
    keep(store, "u_rita.t")
    key = Key("other", "u_rita.t", (("a", "a"),))
    columns = (Column("a", DataType(Primitive.INT)),)
    main = Table("survey", "main", columns, release="1", location="survey.main/1", keys=(key,))
    store.catalogue.publish(Release(main, "1", NOW), schema=Schema("survey"))

    def joined(caller: Identity) -> list[str]:
        rows = store.catalogue.inline(store.catalogue.load(caller))
        ids, of_columns = (
            set(rows[f"tap_schema.{name}"].column("key_id").to_pylist()) for name in ("keys", "key_columns")
        )
        assert ids == of_columns
        targets: list[str] = rows["tap_schema.keys"].column("target_table").to_pylist()
        return [name for name in targets if not name.startswith("tap_schema")]

    assert joined(RITA) == ["u_rita.t"]
    assert joined(ANNA) == joined(ANONYMOUS) == []
    store.user_tables.share("u_rita.t", is_public=True, readers=set())
    assert joined(ANONYMOUS) == ["u_rita.t"]


def test_a_table_of_a_user_and_one_of_the_catalogue_keep_apart(store: Store) -> None:
    keep(store, "u_rita.t")
    with pytest.raises(UsageError, match="is a table of the user rita"):
        publish(store, "u_rita.t", "2")
    publish(store, "u_anna.published", "1")
    with pytest.raises(ConflictError, match=r"part of the catalogue: it has u_anna\.published"):
        keep(store, "u_anna.t", owner="anna")


def test_a_change_of_another_release_than_the_current_one_is_refused(store: Store) -> None:
    keep(store, "u_rita.t")
    keep(store, "u_rita.t", "2", base="1")
    with pytest.raises(ConflictError, match="changed meanwhile"):
        keep(store, "u_rita.t", "3", base="1")
    with pytest.raises(ConflictError, match="already"):
        keep(store, "u_rita.t", "3")
    store.catalogue.remove("u_rita.t")
    with pytest.raises(MissingError, match="removed meanwhile"):
        keep(store, "u_rita.t", "3", base="2")
    assert store.user_tables.list() == ()


def test_a_quota_counts_what_a_release_replaces_once(store: Store) -> None:
    keep(store, "u_rita.t", n_rows=60)
    keep(store, "u_rita.t", "2", base="1", n_rows=100)
    with pytest.raises(TooLargeError, match="101 rows together; the quota is 100 rows") as refused:
        keep(store, "u_rita.other", n_rows=1)
    assert refused.value.limit == "user-table-rows"
    keep(store, "u_anna.other", owner="anna", n_rows=100)
    assert store.user_tables.use("rita").n_rows == 100


def test_a_release_that_was_replaced_is_told_after_a_while(store: Store) -> None:
    keep(store, "u_rita.t")
    keep(store, "u_rita.t", "2", base="1")
    publish(store, "survey.main", "1")
    publish(store, "survey.main", "2")
    assert store.user_tables.superseded(NOW - timedelta(seconds=1)) == ()
    assert store.user_tables.superseded(NOW + timedelta(seconds=1)) == (("u_rita.t", "1"),)


def test_a_removed_user_owns_nothing_and_reads_nothing(store: Store) -> None:
    keep(store, "u_rita.t")
    keep(store, "u_anna.t", owner="anna")
    store.user_tables.share("u_anna.t", is_public=False, readers={"rita"})
    store.users.remove("rita")
    store.users.add("rita")
    assert names(store.catalogue.load(RITA)) == set()
    assert store.user_tables.list("rita") == ()
    assert store.user_tables.expired() == ("u_rita.t",)
    store.users.remove("anna")
    with pytest.raises(MissingError, match="no user anna"):
        keep(store, "u_anna.late", owner="anna")


def test_a_share_is_seen_at_once(store: Store) -> None:
    keep(store, "u_rita.t")
    before = store.catalogue.load(ANNA)
    store.user_tables.share("u_rita.t", is_public=True, readers=())
    assert before is not store.catalogue.load(ANNA)
    assert names(store.catalogue.load()) == {"u_rita.t"}
