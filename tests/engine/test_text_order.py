"""Text is ordered, compared and folded alike on every engine, whatever the collation of the database is."""

from __future__ import annotations

from contextlib import closing

import pyarrow as pa
import pytest

from tests.engine.samples import TEXT
from tests.engine.site import AnyEngine
from vo_server.adql.front import compile_query
from vo_server.model.table import Catalogue, Column, Schema, Table

_WORDS = ["b", "A", "a", "Z", "é", "É", "_x", "a b", "Ångström", "ångström", "10", "9"]
_TABLE = Table("tap_upload", "words", (Column("word", TEXT),))
_CATALOGUE = Catalogue((Schema("tap_upload", (_TABLE,)),))


def _ask(engine: AnyEngine, adql: str) -> list[str]:
    engine.check()  # Nothing is loaded here, and a new database has no functions of ours yet.
    query = compile_query(adql, _CATALOGUE)
    inline = {_TABLE.full_name: pa.table({"word": _WORDS})}
    with closing(engine.run(query, limit=100, timeout_s=60.0, inline=inline)) as rows:
        return [text for batch in rows for text in batch.column(0).to_pylist()]


def test_the_order_of_text_is_the_order_of_its_code_points(engine: AnyEngine) -> None:
    assert _ask(engine, "SELECT word FROM tap_upload.words ORDER BY word") == sorted(_WORDS)


def test_comparisons_of_text_follow_the_same_order(engine: AnyEngine) -> None:
    found = _ask(engine, "SELECT word FROM tap_upload.words WHERE word > 'Z' ORDER BY word")
    assert found == sorted(word for word in _WORDS if word > "Z")


@pytest.mark.parametrize(("function", "fold"), [("LOWER", str.lower), ("UPPER", str.upper)])
def test_a_change_of_case_knows_all_letters_and_keeps_the_order(engine: AnyEngine, function: str, fold: object) -> None:
    assert callable(fold)
    found = _ask(engine, f"SELECT {function}(word) AS w FROM tap_upload.words ORDER BY {function}(word)")
    assert found == sorted(fold(word) for word in _WORDS)


@pytest.mark.parametrize("pattern", ["'Å%'", "UPPER('å') || '%'", "LOWER('Å%')"])
def test_ilike_finds_letters_beyond_ascii_in_either_case(engine: AnyEngine, pattern: str) -> None:
    found = _ask(engine, f"SELECT word FROM tap_upload.words WHERE LOWER(word) ILIKE {pattern} ORDER BY word")
    assert found == ["Ångström", "ångström"]
