"""Two releases side by side, against pandas; checksums of rows, on both engines."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.engine.samples import HARD, SKY, hard_rows, publish, sky_rows
from tests.engine.site import AnyEngine
from vo_server.engine.checksum import checksum
from vo_server.engine.compare import ChangeCounts, ChangedRows, Kind, Pair, Transitions, class_columns
from vo_server.engine.question import Question
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Column, Table

LONG, DOUBLE, TEXT = DataType(Primitive.LONG), DataType(Primitive.DOUBLE), DataType(Primitive.CHAR, "*")
THINGS = Table(
    "s",
    "things",
    (
        Column("field", TEXT),
        Column("number", LONG),
        Column("flux", DOUBLE),
        Column("class", TEXT, ucd="src.class"),
        Column("kind", DataType(Primitive.SHORT), ucd="meta.code.class"),
    ),
    primary_key=("field", "number"),
)


def ask(engine: AnyEngine, question: Question) -> list[dict[str, Any]]:
    with closing(engine.ask(question, timeout_s=60)) as answer:
        return [row for batch in answer for row in batch.to_pylist()]


def things(seed: int, n_rows: int) -> pd.DataFrame:
    """Rows of which another seed has other numbers, and other values for some of them."""
    random = np.random.default_rng(seed)
    numbers = random.permutation(3 * n_rows // 2)[:n_rows]
    frame = pd.DataFrame({"field": np.where(numbers % 3 == 0, "north", "south"), "number": numbers})
    frame["flux"] = np.where(random.random(n_rows) < 0.1, random.random(n_rows), numbers / 7)
    frame.loc[numbers % 11 == 0, "flux"] = np.nan
    frame["class"] = np.where(random.random(n_rows) < 0.2, "QSO", np.where(numbers % 2 == 0, "STAR", "GALAXY"))
    frame.loc[random.random(n_rows) < 0.05, "class"] = None
    frame["kind"] = (numbers % 5).astype(np.int16)
    return frame


def loaded(engine: AnyEngine, frame: pd.DataFrame, version: str) -> Table:
    rows = pa.Table.from_pandas(frame, arrow_schema(THINGS.columns), preserve_index=False)
    return publish(engine, THINGS, rows.to_batches(), version=version)


def test_changes_are_those_that_a_merge_in_pandas_finds(engine: AnyEngine) -> None:
    before, after = things(1, 3_000), things(2, 3_000)
    pair = Pair(loaded(engine, before, "1"), loaded(engine, after, "2"), ("field", "number"))
    merged = before.merge(after, on=["field", "number"], how="outer", suffixes=("_old", "_new"), indicator=True)
    both = merged[merged["_merge"] == "both"]
    differs = {
        name: ~(
            (both[f"{name}_old"] == both[f"{name}_new"]) | (both[f"{name}_old"].isna() & both[f"{name}_new"].isna())
        )
        for name in ("flux", "class", "kind")
    }
    wanted = {
        "added": merged[merged["_merge"] == "right_only"],
        "removed": merged[merged["_merge"] == "left_only"],
        "changed": both[differs["flux"] | differs["class"] | differs["kind"]],
        "reclassified": both[differs["class"] | differs["kind"]],
    }
    assert min(len(rows) for rows in wanted.values()) > 100
    assert ask(engine, ChangeCounts(pair)) == [{kind: len(rows) for kind, rows in wanted.items()}]
    for kind in Kind:
        listed = [(row["field"], row["number"]) for row in ask(engine, ChangedRows(pair, kind))]
        assert listed == sorted(zip(wanted[kind]["field"], wanted[kind]["number"], strict=True))
    counted = both.groupby([both["class_old"].fillna("-"), both["class_new"].fillna("-")]).size()
    found = ask(engine, Transitions(pair, "class"))
    assert {(row["old"] or "-", row["new"] or "-"): row["n_rows"] for row in found} == counted.to_dict()
    assert [row["n_rows"] for row in found] == sorted((row["n_rows"] for row in found), reverse=True)


def test_the_list_of_other_classes_has_both(engine: AnyEngine) -> None:
    before, after = things(1, 50), things(1, 50)
    after.loc[3, "class"] = "MOON"
    pair = Pair(loaded(engine, before, "1"), loaded(engine, after, "2"), ("field", "number"))
    (row,) = ask(engine, ChangedRows(pair, Kind.RECLASSIFIED))
    assert row == {
        "field": before["field"][3], "number": before["number"][3],
        "old_class": before["class"][3], "new_class": "MOON",
        "old_kind": str(before["kind"][3]), "new_kind": str(before["kind"][3]),
    }  # fmt: skip


def test_hard_values_are_equal_to_themselves_and_to_nothing_else(engine: AnyEngine) -> None:
    old = publish(engine, HARD, [hard_rows()], version="1")
    for name in ('odd "name" %s', "SELECT"):
        same = Pair(old, publish(engine, HARD, [hard_rows()], version=f"same {name}"), (name,))
        assert ask(engine, ChangeCounts(same)) == [{"added": 0, "removed": 0, "changed": 0, "reclassified": 0}]
    key = 'odd "name" %s'
    for column in HARD.columns:
        if column.name in {key, "SELECT"}:
            continue
        rows = hard_rows()
        place = rows.schema.names.index(column.name)
        turned = pa.array([*rows[place].to_pylist()[1:], rows[place][0].as_py()], rows[place].type)
        changed = rows.set_column(place, column.name, turned)
        other = publish(engine, HARD, [changed], version=f"2 {column.name}")
        (counts,) = ask(engine, ChangeCounts(Pair(old, other, (key,))))
        pairs = zip(rows[place].to_pylist(), turned.to_pylist(), strict=True)
        assert counts["changed"] == sum(repr(one) != repr(two) for one, two in pairs) >= 3, column.name
        assert checksum(engine, old, timeout_s=60) != checksum(engine, other, timeout_s=60), column.name


@pytest.mark.parametrize(
    ("before", "after"),
    [("int", "long"), ("short", "double"), ("float", "double"), ("long", "char")],
)
def test_a_column_of_another_type_is_compared_by_its_values(engine: AnyEngine, before: str, after: str) -> None:
    releases = []
    for primitive, value in ((before, 7), (after, 8)):
        kind = DataType(Primitive(primitive), "*" if primitive == "char" else None)
        table = Table("s", "t", (Column("id", DataType(Primitive(before))), Column("x", kind)))
        values = [str(one) if primitive == "char" and one else one for one in (1, 2, value, None)]
        rows = pa.record_batch([pa.array([1, 2, 3, 4]), pa.array(values)], names=["id", "x"])
        batch = pa.record_batch(rows.columns, names=["id", "x"]).cast(arrow_schema(table.columns))
        releases.append(publish(engine, table, [batch], version=primitive))
    pair = Pair(releases[0], releases[1], ("id",))
    assert ask(engine, ChangeCounts(pair)) == [{"added": 0, "removed": 0, "changed": 1, "reclassified": 0}]


def test_columns_that_only_one_release_has_do_not_count(engine: AnyEngine) -> None:
    old = publish(engine, SKY, [sky_rows(50)], version="1")
    wider = replace(SKY, columns=(*SKY.columns, Column("more", LONG)))
    rows = sky_rows(60).append_column(pa.field("more", pa.int64()), pa.array(range(60)))
    new = publish(engine, wider, [rows], version="2")
    (counts,) = ask(engine, ChangeCounts(Pair(old, new, ("id",))))
    # The random positions of 60 rows are other ones than those of 50.
    assert (counts["added"], counts["removed"]) == (10, 0)
    assert counts["changed"] > 40


def test_the_checksum_does_not_depend_on_the_order_of_rows(engine: AnyEngine) -> None:
    frame = things(5, 1_000)
    one = loaded(engine, frame, "1")
    other = loaded(engine, frame.sample(frac=1, random_state=1), "2")
    assert checksum(engine, one, timeout_s=60) == checksum(engine, other, timeout_s=60)


def test_the_checksum_depends_on_every_row_and_on_names_and_types(engine: AnyEngine) -> None:
    frame = things(5, 1_000)
    changed = frame.copy()
    changed.loc[17, "flux"] = 0.5
    tables = [
        loaded(engine, frame, "1"),
        loaded(engine, changed, "2"),
        loaded(engine, frame[:-1], "3"),
        loaded(engine, pd.concat([frame, frame[:1]]), "4"),
        loaded(engine, frame[:0], "5"),
    ]
    renamed = tuple(column.renamed("x") if column.name == "flux" else column for column in THINGS.columns)
    rows = pa.Table.from_pandas(frame.rename(columns={"flux": "x"}), arrow_schema(renamed), preserve_index=False)
    tables.append(publish(engine, replace(THINGS, columns=renamed), rows.to_batches(), version="6"))
    assert len({checksum(engine, table, timeout_s=60) for table in tables}) == len(tables)


def test_the_checksum_of_known_rows_stays_the_same_for_good(engine: AnyEngine) -> None:
    """A newer database with another hash would make every release look changed: then its name must change."""
    known = {
        "duckdb": "duckdb:91fb065361224544b392cd969d7f2887",
        "postgres": "postgres:b46fc0953debe0c7dd03eeac67da79a5",
    }
    assert checksum(engine, publish(engine, HARD, [hard_rows()]), timeout_s=60) == known[engine.name]


def test_classes_are_told_by_the_first_word_of_the_ucd_and_are_no_fractions() -> None:
    short, float_ = DataType(Primitive.SHORT), DataType(Primitive.FLOAT)
    columns = (
        Column("a", TEXT, ucd="src.class"),
        Column("b", short, ucd="src.class.starGalaxy"),
        Column("c", short, ucd="meta.code.class;src"),
        Column("score", float_, ucd="src.class.starGalaxy"),
        Column("p", short, ucd="stat.probability;src.class"),
        Column("other", TEXT, ucd="src.classification"),
        Column("none", TEXT),
    )
    assert class_columns(Table("s", "t", columns)) == ("a", "b", "c")
