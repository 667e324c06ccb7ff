"""``vo: row_links:`` of a table, from the schema file to what is published."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ingest.conftest import Site
from vo_server.model.datalink import RowLink

SCHEMA = """
name: s
"@id": "#s"
tables:
- name: main
  "@id": "#main"
  primaryKey: "#main.id"
  vo: {row_links: [ROW_LINK]}
  columns:
  - {name: id, "@id": "#main.id", datatype: long, nullable: false}
  - {name: field, "@id": "#main.field", datatype: string, length: 8}
"""
GOOD = "{template: 'https://x.org/{field}/{id}.png', semantics: '#preview', description: Picture, type: image/png}"


def load(site: Site, folder: Path, link: str, *options: str) -> str:
    pq.write_table(pa.table({"id": [1, 2], "field": ["a", "b"]}), folder / "rows.parquet")
    (folder / "s.yaml").write_text(SCHEMA.replace("ROW_LINK", link))
    done = site.run("load", folder / "rows.parquet", "--table", "s.main", "--schema-file", folder / "s.yaml", *options)
    return f"{done.output}{done.exception}"


def test_a_link_is_published_with_the_table(site: Site, tmp_path: Path) -> None:
    load(site, tmp_path, GOOD)
    assert site.table("s.main").row_links == (
        RowLink("https://x.org/{field}/{id}.png", "#preview", "Picture", "image/png"),
    )


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("{template: 'https://x.org/{nothing}'}", ["nothing", "no column of single values"]),
        ("{template: 'https://x.org/'}", ["names no column", "provenance: links"]),
        ("{template: 'x.org/{id}'}", ["x.org/{id}", "not a URL"]),
        ("{template: 'https://x.org/{id}', semantics: preview}", ["'preview' is not one of", "#preview"]),
        ("{template: 'https://x.org/{id}', role: doc}", ["role"]),
    ],
)
def test_a_link_that_leads_nowhere_is_refused(link: str, words: list[str], duckdb_site: Site, tmp_path: Path) -> None:
    told = load(duckdb_site, tmp_path, link)
    assert [word for word in words if word not in told] == []
