"""What a load says of its changes, and ``vo-server ingest compare``, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingest.conftest import Site
from tests.ingest.test_release_commands import error_of, written
from vo_server.errors import MissingError, UsageError

FELIS = """
name: s
description: Things
"@id": "#s"
tables:
- name: t
  "@id": "#t"
  primaryKey: "#t.id"
  columns:
  - {name: id, "@id": "#t.id", datatype: long, nullable: false}
  - {name: mag, "@id": "#t.mag", datatype: double}
  - {name: class, "@id": "#t.class", datatype: string, length: 8, ivoa:ucd: src.class}
"""
FIRST = "id,mag,class\n1,10,STAR\n2,11,QSO\n3,12,QSO\n4,,GALAXY\n"
SECOND = "id,mag,class\n5,9,STAR\n2,11.5,QSO\n3,12,STAR\n4,,GALAXY\n"


@pytest.fixture
def described(tmp_path: Path) -> list[str]:
    """Options of a load of ``s.t`` with a primary key and a column of classes."""
    return ["--table", "s.t", "--schema-file", str(written(tmp_path, FELIS, "s.yaml"))]


@pytest.fixture
def loaded(site: Site, described: list[str], tmp_path: Path) -> Site:
    """A site with two releases: one row added, one removed, two changed, one of them to another class."""
    for version, text in (("v1", FIRST), ("v2", SECOND)):
        site.load(written(tmp_path, text, f"{version}.csv"), *described, "--version", version)
    return site


def test_a_load_tells_what_changed_since_the_release_before(loaded: Site, described: list[str], tmp_path: Path) -> None:
    done = loaded.load(tmp_path / "v1.csv", *described, "--version", "v3")
    words = "since v2: 1 added, 1 removed, 2 changed, 1 of another class (class)"
    assert f"changes {words}" in done.stdout.splitlines()
    lines = loaded.run("releases", "s.t").stdout.splitlines()
    assert f"    {words}" in lines


def test_releases_of_the_same_rows_have_the_same_checksum(loaded: Site, described: list[str], tmp_path: Path) -> None:
    loaded.load(tmp_path / "v1.csv", *described, "--version", "v3")
    store = loaded.open_store()
    sums = {one.version: one.checksum for one in store.catalogue.releases("s.t")}
    store.close()
    assert sums["v1"] == sums["v3"] != sums["v2"]
    assert f"    checksum {sums['v2']}" in loaded.run("releases").stdout.splitlines()


def test_a_first_release_has_a_checksum_and_no_changes(site: Site, described: list[str], tmp_path: Path) -> None:
    done = site.load(written(tmp_path, FIRST, "v1.csv"), *described, "--version", "v1")
    assert "changes" not in done.stdout
    assert "checksum" in site.run("releases", "s.t").stdout


def test_a_table_without_a_key_is_not_compared_and_says_so(site: Site, tmp_path: Path) -> None:
    file = written(tmp_path, "x,y\n1,2\n", "x.csv")
    site.load(file, "--table", "s.x", "--version", "v1")
    done = site.load(file, "--table", "s.x", "--version", "v2")
    assert "changes not compared with v1: s.x has no unique key" in done.stdout
    refused = error_of(site.run("compare", "s.x", "v1", "v2"))
    assert "primary key in the schema file" in (refused.hint or "")
    assert "added                  0" in site.run("compare", "s.x", "v1", "v2", "--key", "x").stdout


def test_a_key_that_repeats_is_refused_with_its_values(site: Site, tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        site.load(written(tmp_path, "x,y\n1,2\n1,3\n", "x.csv"), "--table", "s.x", "--version", version)
    refused = error_of(site.run("compare", "s.x", "v1", "v2", "--key", "x"))
    assert "the key (x) repeats in release v1 of s.x: x = 1 (2 rows)" in str(refused)
    assert "has no column z" in str(error_of(site.run("compare", "s.x", "v1", "v2", "--key", "z")))


def test_two_releases_are_compared_in_numbers_and_by_class(loaded: Site) -> None:
    assert loaded.run("compare", "s.t", "v1", "v2").stdout == (
        "s.t: v1 (4 rows) -> v2 (4 rows)\n"
        "rows told apart by id\n"
        "added                  1\n"
        "removed                1\n"
        "changed                2\n"
        "other class            1\n"
        "\n"
        "class: old \\ new  GALAXY  QSO  STAR\n"
        "GALAXY                 1    0     0\n"
        "QSO                    0    1     1\n"
        "STAR                   0    0     0\n"
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("added", "id\n5\n"),
        ("removed", "id\n1\n"),
        ("changed", "id\n2\n3\n"),
        ("reclassified", "id,old_class,new_class\n3,QSO,STAR\n"),
    ],
)
def test_the_rows_that_changed_are_listed_by_their_keys(loaded: Site, kind: str, expected: str) -> None:
    listed = loaded.run("compare", "s.t", "v1", "v2", "--rows", kind)
    assert listed.stdout.replace("\r\n", "\n") == expected
    assert loaded.run("compare", "s.t", "v1", "v2", "--rows", kind, "--format", "votable").stdout.startswith("<?xml")


def test_what_cannot_be_compared_is_refused(loaded: Site) -> None:
    refused = error_of(loaded.run("compare", "s.t", "v1", "v9"))
    assert isinstance(refused, MissingError)
    assert refused.hint == "its releases are v2, v1"
    assert "no table s.u" in str(error_of(loaded.run("compare", "s.u", "v1", "v2")))
    assert isinstance(
        error_of(loaded.run("compare", "s.t", "v1", "v2", "--rows", "added", "--format", "x")), UsageError
    )
