"""Files with random damage are read or refused; nothing else ever comes out of a reader."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
from astropy.table import Table

from tests.formats.read.test_fits import written as write_fits
from tests.formats.read.test_parquet import COLUMNS
from tests.formats.read.test_parquet import written as write_parquet
from tests.formats.read.test_votable import KINDS
from tests.formats.read.test_votable import written as votable
from vo_server.errors import IngestError
from vo_server.formats.read.open import open_reader

N_TRIES = 60
INTERESTING = b"0123456789<>\"&;'/ \n\x00\xff-=TFa"
HEAD_BYTES = {"fits": 20_000}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sound file of each format."""
    folder = tmp_path_factory.mktemp("sound")
    table = Table({"id": range(300), "s": [f"x{n}" for n in range(300)], "u": [f"é{n}" for n in range(300)]})
    table.write(folder / "t.csv")
    table.write(folder / "t.ecsv")
    return {
        "fits": write_fits(folder / "t.fits").read_bytes(),
        **{kind: votable(table, kind) for kind in KINDS},
        "parquet": write_parquet(folder, pa.table(COLUMNS)).read_bytes(),
        "csv": (folder / "t.csv").read_bytes(),
        "ecsv": (folder / "t.ecsv").read_bytes(),
    }


def damaged(sound: bytes, head_bytes: int, chance: random.Random) -> bytes:
    data = bytearray(sound)
    for _ in range(chance.choice([1, 1, 3, 10])):
        limit = len(data) if chance.random() < 0.3 else min(len(data), head_bytes)
        at = chance.randrange(limit)
        what = chance.random()
        if what < 0.6:
            data[at] = chance.choice(INTERESTING) if chance.random() < 0.7 else chance.randrange(256)
        elif what < 0.8:
            del data[at : at + chance.randrange(1, 20)]
        else:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
    return bytes(data)


@pytest.mark.parametrize("name", ["fits", *KINDS, "parquet", "csv", "ecsv"])
def test_damage_is_read_over_or_refused(files: dict[str, bytes], name: str, tmp_path: Path) -> None:
    chance = random.Random(f"damage {name}")
    n_refused = n_nameless = 0
    for _ in range(N_TRIES):
        (tmp_path / "t").write_bytes(damaged(files[name], HEAD_BYTES.get(name, 1500), chance))
        try:
            for batch in open_reader(str(tmp_path / "t")).batches():
                batch.validate()
        except IngestError as error:
            n_refused += str(tmp_path / "t") in str(error)
            n_nameless += str(tmp_path / "t") not in str(error)
    assert n_refused > 0
    assert n_nameless == 0
