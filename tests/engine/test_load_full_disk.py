"""A load that meets a full disk: it says so, and leaves nothing but what the next one goes on with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.engine.samples import SKY, sky_rows
from tests.engine.site import DuckdbSite
from tests.support.small_disk import small_disk
from vo_server.errors import EngineError

KEY = "d" * 16
N_ROWS = 100_000
ROOM_BYTES = 1_000_000
"""Enough to begin a release, and not for all of it."""


def test_a_release_that_does_not_fit_leaves_the_staged_rows_and_no_half_of_it(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_kb=40_000) as disk:
        site = DuckdbSite(disk / "data")
        engine = site.open()
        filler = disk / "filler"
        with engine.loader(SKY, version="1", key=KEY) as loader, loader.part() as part:
            part.write(sky_rows(N_ROWS))
            part.end()
            part.commit("file", "")
        before = {file.name for file in (disk / "data").rglob("*") if file.is_file()}
        filler.write_bytes(bytes(shutil.disk_usage(disk).free - ROOM_BYTES))
        with (
            pytest.raises(EngineError, match="no space left on the disk of the database") as caught,
            engine.loader(SKY, version="1", key=KEY) as loader,
        ):
            loader.finish()
        assert caught.value.hint is not None
        assert caught.value.hint.startswith("nothing was published; make room there")
        assert {file.name for file in (disk / "data").rglob("*") if file.is_file()} == before
        filler.unlink()
        with engine.loader(SKY, version="1", key=KEY) as loader:
            assert [part.key for part in loader.staged()] == ["file"]
            assert loader.finish().n_rows == N_ROWS
        site.close()
