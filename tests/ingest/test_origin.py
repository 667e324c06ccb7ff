"""``vo: provenance:`` of a schema file: what is taken, what is refused, how a table inherits, and the draft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.describe import describe_files
from ingest.draft import to_yaml
from ingest.spec import parse_schema, read_schema_file
from tests.ingest.conftest import Site
from vo_server.errors import SchemaFileError
from vo_server.load.description import Description
from vo_server.model.provenance import Link, Provenance

FULL: dict[str, Any] = {
    "data_ivoid": "ivo://example.org/survey/dr1",
    "creator": ["Surname, I.", "Ångström, A."],
    "citation": "doi:10.5281/zenodo.1234567",
    "article": "2026A&A...700A...1S",
    "reference_url": "https://survey.example.org/dr1",
    "rights": "CC BY 4.0",
    "rights_uri": "https://creativecommons.org/licenses/by/4.0/",
    "resource_version": 1.5,
    "publication_date": "2026-03-31",
    "last_update_date": 2026,
    "links": [{"href": "https://survey.example.org/readme", "title": "Read me", "role": "doc", "type": "text/html"}],
}


def _described(table: dict[str, Any] | None, schema: dict[str, Any] | None = None) -> Description:
    raw: dict[str, Any] = {
        "name": "s",
        "@id": "#s",
        "tables": [
            {
                "name": "t",
                "@id": "#t",
                "columns": [{"name": "a", "@id": "#t.a", "datatype": "long", "description": "A number"}],
            }
        ],
    }
    if schema is not None:
        raw["vo"] = {"provenance": schema}
    if table is not None:
        raw["tables"][0]["vo"] = {"provenance": table}
    return parse_schema(raw, file="s.yaml").describe("t")


def test_everything_that_the_note_knows_is_taken() -> None:
    assert _described(FULL).table.provenance == Provenance(
        data_ivoid="ivo://example.org/survey/dr1",
        creator=("Surname, I.", "Ångström, A."),
        citation="10.5281/zenodo.1234567",
        article="2026A&A...700A...1S",
        reference_url="https://survey.example.org/dr1",
        rights="CC BY 4.0",
        rights_uri="https://creativecommons.org/licenses/by/4.0/",
        resource_version="1.5",
        publication_date="2026-03-31",
        last_update_date="2026",
        links=(Link("https://survey.example.org/readme", "Read me", "doc", "text/html"),),
    )


def test_a_table_says_only_what_differs_from_its_schema() -> None:
    provenance = _described({"article": "10.1234/paper"}, {"creator": "Surname, I.", "article": "10.1234/other"}).table
    assert provenance.provenance == Provenance(creator=("Surname, I.",), article="10.1234/paper")


def test_nothing_said_is_nothing() -> None:
    assert _described(None).table.provenance is None
    assert _described({}).table.provenance is None


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("citation", "Smith et al.", "expected a DOI"),
        ("article", "2026A&A", "expected a DOI"),
        ("reference_url", "survey.example.org", "expected https://"),
        ("rights_uri", "file:///etc/passwd", "expected https://"),
        ("data_ivoid", "ivoa.net/x", "expected ivo://"),
        ("publication_date", "31.3.2026", "expected a day"),
        ("publication_date", "2026-02-30", "expected a day"),
        ("creators", ["x"], "creators"),
        ("links", [{"title": "no address"}], "href"),
        ("links", [{"href": "javascript:alert(1)"}], "expected https://"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_place(key: str, value: object, words: str) -> None:
    with pytest.raises(SchemaFileError) as caught:
        _described({**FULL, key: value})
    assert words in str(caught.value)
    assert key.removesuffix("s") in str(caught.value)


def test_a_load_publishes_what_was_said(site: Site, tmp_path: Path) -> None:
    file, schema = tmp_path / "a.csv", tmp_path / "s.yaml"
    file.write_text("a\n1\n")
    schema.write_text(to_yaml(_described(FULL)))
    site.load(file, "--table", "s.t", "--schema-file", schema)
    assert site.table("s.t").provenance == _described(FULL).table.provenance


def test_a_draft_shows_what_to_say_and_what_was_said_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,b\n1,2\n")
    draft = to_yaml(describe_files([file], table="s.t"))
    template = [line.removeprefix("#   ") for line in draft.splitlines() if line.startswith("#   ")]
    said = yaml.safe_load("\n".join(template))["provenance"]
    assert _described(said).table.provenance is not None, "the template is valid when its marks are taken away"

    described = _described(FULL)
    again = tmp_path / "again.yaml"
    again.write_text(to_yaml(described))
    assert "Say where the data come from" not in again.read_text()
    assert read_schema_file(again).describe("t").table.provenance == described.table.provenance
