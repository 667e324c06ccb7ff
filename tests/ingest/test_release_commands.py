"""Releases from the command line: pinned, kept, rolled back, dropped, and asked for, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result

from tests.ingest.conftest import Site
from vo_server.errors import MissingError, UsageError, VoError


def written(tmp_path: Path, text: str, name: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def error_of(result: Result) -> VoError:
    assert isinstance(result.exception, VoError), result.exception
    return result.exception


@pytest.fixture
def loaded(site: Site, tmp_path: Path) -> Site:
    """A site with three releases of ``s.t``: one, two and three rows."""
    for number in (1, 2, 3):
        text = "id,ra,dec\n" + "".join(f"{i},{i},{i}\n" for i in range(number))
        site.load(written(tmp_path, text, f"{number}.csv"), "--table", "s.t", "--version", f"v{number}")
    return site


def names(site: Site) -> list[str]:
    store = site.open_store()
    found = [table.full_name for table in store.catalogue.load().tables if table.location is not None]
    store.close()
    return found


def test_a_pinned_release_is_a_table_until_it_is_unpinned(loaded: Site) -> None:
    assert loaded.run("pin", "s.t@v1", "--as", "t_first").stdout == "s.t_first: release v1 of s.t\n"
    assert loaded.run("pin", 's."t@v2"').stdout == "s.t@v2: release v2 of s.t\n"
    assert names(loaded) == ["s.t", "s.t@v2", "s.t_first"]
    assert loaded.rows("s.t_first").num_rows == 1
    assert "pinned as s.t_first" in loaded.run("releases", "s.t").stdout
    assert loaded.run("unpin", "s.t_first").stdout == "s.t_first is gone; release v1 of s.t stays\n"
    assert names(loaded) == ["s.t", "s.t@v2"]
    assert isinstance(error_of(loaded.run("unpin", "s.t_first")), MissingError)


def test_what_is_no_release_is_refused_with_the_form_that_is_expected(loaded: Site) -> None:
    assert "expected SCHEMA.TABLE@RELEASE" in str(error_of(loaded.run("pin", "s.t")))
    assert "s.t has no release v9" in str(error_of(loaded.run("pin", "s.t@v9")))


def test_a_pinned_release_is_not_dropped_unless_told(loaded: Site) -> None:
    loaded.run("pin", "s.t@v1", "--as", "first")
    refused = error_of(loaded.run("drop", "s.t", "--version", "v1", "--yes"))
    assert "release v1 is pinned as s.first" in str(refused)
    assert "--even-pinned" in (refused.hint or "")
    assert loaded.rows("s.first").num_rows == 1
    done = loaded.run("drop", "s.t", "--version", "v1", "--even-pinned", "--yes")
    assert done.stdout == "release v1 of s.t was removed\n"
    assert names(loaded) == ["s.t"]


def test_what_is_not_there_is_told_before_anybody_is_asked(loaded: Site) -> None:
    for words, told in (
        (("drop", "s.none"), "no table s.none is published"),
        (("drop", "s.t", "--version", "v9"), "s.t has no release v9"),
    ):
        result = loaded.run(*words)
        assert told in str(error_of(result))
        assert "Remove" not in result.output


def test_a_drop_that_nobody_confirms_does_nothing_and_tells_of_yes(loaded: Site) -> None:
    refused = error_of(loaded.run("drop", "s.t"))
    assert "nobody said whether to remove table s.t with all its releases: nothing was done" in str(refused)
    assert "--yes" in (refused.hint or "")
    assert names(loaded) == ["s.t"]


def test_old_releases_are_dropped_and_their_rows_with_them(loaded: Site) -> None:
    loaded.run("pin", "s.t@v1", "--as", "first")
    done = loaded.run("drop", "s.t", "--keep", "1", "--yes")
    assert done.stdout == "s.t: release v2 was removed\ns.t: release v1 was pinned and kept\n"
    store, engine = loaded.open_store(), loaded.open_engine()
    assert [one.version for one in store.catalogue.releases("s.t")] == ["v3", "v1"]
    assert engine.sweep(store.catalogue.locations) == []
    engine.close()
    store.close()
    assert loaded.rows("s.t").num_rows == 3


def test_a_rollback_leaves_pins_alone_and_keeps_the_newer_release(loaded: Site) -> None:
    loaded.run("pin", "s.t@v3", "--as", "third")
    assert loaded.run("rollback", "s.t").stdout == "s.t: release v2 is current\n"
    assert loaded.rows("s.t").num_rows == 2
    assert loaded.rows("s.third").num_rows == 3
    assert loaded.run("rollback", "s.t", "--version", "v3").exit_code == 0
    assert loaded.rows("s.t").num_rows == 3


def test_a_load_does_not_take_the_name_of_a_pinned_release(loaded: Site, tmp_path: Path) -> None:
    loaded.run("pin", "s.t@v1", "--as", "first")
    refused = error_of(loaded.run("load", str(tmp_path / "1.csv"), "--table", "s.first"))
    assert isinstance(refused, UsageError)
    assert "s.first is the name of a pinned release" in str(refused)
