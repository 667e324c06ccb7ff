"""Texts that are nearly nothing: empty ones, and characters that no database keeps."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.ingest.conftest import Site


def test_a_text_with_the_character_zero_is_a_bad_value_on_both_engines(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3], "name": ["a", "b\0c", None]}), file)
    refused = site.run("load", file, "--table", "s.t")
    assert f"{file}, row 2, column name: 'b\\x00c' has a character with the code 0" in str(refused.exception)
    site.load(file, "--table", "s.t", "--on-error", "keep")
    rows = {row["id"]: row["name"] for row in site.rows("s.t").to_pylist()}
    assert rows == {1: "a", 2: None, 3: None}
