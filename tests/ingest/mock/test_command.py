"""``vo-server mock publish``, on every engine."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from ingest.mock.command import mock
from tests.ingest.conftest import Site

N_ROWS = 300


def publish(site: Site, *options: str) -> str:
    result = CliRunner().invoke(mock, ["publish", "--rows", str(N_ROWS), *options], env=site.environment)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def printed(site: Site) -> str:
    return publish(site)


def test_all_tables_are_published_and_said(site: Site, printed: str) -> None:
    rows = {name: int(count) for name, count in re.findall(r"(?m)^  (\S+) +(\d+) rows$", printed)}
    assert rows["mock.truth"] == N_ROWS
    store = site.open_store()
    tables = {table.full_name: table.n_rows for table in store.catalogue.load().tables}
    store.close()
    assert rows == {name: n_rows for name, n_rows in tables.items() if not name.startswith("tap_schema.")}


def test_what_is_there_stays_and_another_seed_replaces_it(site: Site, printed: str) -> None:
    first = site.rows("mock.truth")
    assert publish(site).count("there already") == printed.count(" rows\n")
    assert site.rows("mock.truth").equals(first)
    assert "there already" not in publish(site, "--seed", "2")
    other = site.rows("mock.truth")
    assert other.num_rows == first.num_rows
    assert not other.equals(first)


def test_a_sky_that_is_too_large_is_refused(site: Site) -> None:
    result = CliRunner().invoke(mock, ["publish", "--rows", str(10**12)], env=site.environment)
    assert result.exit_code == 2
    assert "the mock sky holds from 0 to" in result.output
