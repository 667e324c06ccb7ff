"""The wheel has everything in it and works where there is no checkout."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Installed

OBJECTS = "id,ra,dec,mag\n9007199254740993,10.5,-20.25,17.5\n2,10.6,-20.25,\n3,200.0,45.0,12.25\n"


def test_every_file_of_the_packages_and_of_sql_is_in_the_wheel(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "vo_server", "ingest", "sql"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    wanted = {
        f"vo_server/{name}" if name.startswith("sql/") else name
        for name in listed.stdout.split("\n")
        if name and (ROOT / name).exists()
    }
    assert wanted - packed == set()
    assert any(name.endswith("grammar.lark") for name in packed)
    assert "vo_server/sql/schemas/ls_psc.yaml" in packed


def test_the_wheel_has_nothing_but_the_two_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"vo_server", "ingest"}
    assert len(tops) == 3


def test_the_installed_packages_are_those_of_the_wheel(installed: Installed) -> None:
    where = "import vo_server, ingest; print(vo_server.__file__, ingest.__file__)"
    for path in installed.run("python", "-c", where).stdout.split():
        assert Path(path).is_relative_to(installed.bin.parent)


def test_resources_are_found_in_the_installation(installed: Installed) -> None:
    where = "from vo_server import resources; print(resources.schema_file('jplus'))"
    found = Path(installed.run("python", "-c", where).stdout.strip())
    assert found.is_relative_to(installed.bin.parent)
    assert found.exists()


def test_all_commands_are_listed_and_show_their_help(installed: Installed) -> None:
    listed = installed.run("vo-server", "--help").stdout
    for command in ("adql", "demo", "doctor", "ingest", "jobs", "query", "serve"):
        assert f"\n  {command} " in listed
        assert "Usage:" in installed.run("vo-server", command, "--help").stdout


def test_a_query_is_checked_without_a_catalogue(installed: Installed) -> None:
    query = "SELECT TOP 5 ra, dec FROM survey.main WHERE mag < 20"
    installed.run("vo-server", "adql", "check", "--no-catalogue", "-", stdin=query)
    told = installed.run("vo-server", "adql", "check", "--no-catalogue", "-", stdin="SELECT FROM x", status=2)
    assert "FROM" in told.stdout + told.stderr


def test_a_file_is_published_and_queried(installed: Installed) -> None:
    (installed.work / "objects.csv").write_text(OBJECTS)
    installed.run("vo-server", "ingest", "load", "objects.csv", "--table", "survey.main")
    query = "SELECT id, mag FROM survey.main WHERE CONTAINS(POINT(ra, dec), CIRCLE(10.5, -20.25, 0.2)) = 1 ORDER BY id"
    rows = installed.run("vo-server", "query", query).stdout.splitlines()
    assert rows == ["id,mag", "2,", "9007199254740993,17.5"]


def test_the_doctor_finds_the_installation_sound(installed: Installed) -> None:
    told = installed.run("vo-server", "doctor", "--database", "duckdb:///nothing-here").stdout
    assert "FAULT" not in told
    assert "ls_psc" in told
    assert not (installed.work / "nothing-here").exists()
