from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from tests.formats.read.test_fits import rows_of
from vo_server.errors import IngestError
from vo_server.formats.read.open import open_reader

N_ROWS = 500


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(5)
    made = Table()
    made["id"] = rng.integers(-(2**63), 2**63 - 1, N_ROWS)
    made["ra"] = rng.uniform(0, 360, N_ROWS)
    made["ra"].unit = "deg"
    made["ra"].description = "Right ascension: it's Å"
    made["ra"].meta["ucd"] = "pos.eq.ra"
    made["f"] = rng.normal(size=N_ROWS).astype("f4")
    made["n"] = MaskedColumn(np.arange(N_ROWS, dtype="i2"), mask=np.arange(N_ROWS) % 4 == 0)
    made["flag"] = rng.integers(0, 2, N_ROWS).astype(bool)
    made["text"] = [f'a "b" {n}, Å' for n in range(N_ROWS)]
    made["vector"] = rng.normal(size=(N_ROWS, 3))
    return made


@pytest.mark.parametrize("delimiter", [" ", ","])
def test_an_astropy_table_comes_back(table: Table, tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "t.ecsv"
    table.write(path, delimiter=delimiter)
    rows = rows_of(path)
    for name in ("id", "ra", "f", "n", "flag", "text", "vector"):
        assert rows[name] == table[name].tolist(), name
    ra = open_reader(str(path)).facts.columns[1]
    assert (ra.unit, ra.description, ra.ucd) == ("deg", "Right ascension: it's Å", "pos.eq.ra")


def test_a_file_cut_inside_its_header_is_refused(table: Table, tmp_path: Path) -> None:
    table.write(tmp_path / "t.ecsv")
    whole = (tmp_path / "t.ecsv").read_bytes()
    (tmp_path / "cut.ecsv").write_bytes(whole[:150])
    with pytest.raises(IngestError, match="ends inside its header"):
        open_reader(str(tmp_path / "cut.ecsv"))


def test_a_table_without_rows_is_a_table(table: Table, tmp_path: Path) -> None:
    table[:0].write(tmp_path / "t.ecsv")
    assert open_reader(str(tmp_path / "t.ecsv")).facts.columns
    assert rows_of(tmp_path / "t.ecsv")["id"] == []


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    Table({"z": np.array([1 + 2j])}).write(tmp_path / "t.ecsv")
    with pytest.raises(IngestError, match="column z: the type 'complex128' cannot be stored"):
        open_reader(str(tmp_path / "t.ecsv"))


@pytest.mark.catalogues
def test_a_gaia_file_reads_as_astropy_reads_it(catalogues_dir: Path) -> None:
    path = catalogues_dir / "vo_responses" / "astroquery" / "gaia__1712337806100O-result.ecsv"
    rows = rows_of(path)
    expected = Table.read(path)
    assert rows["source_id"] == expected["source_id"].tolist()
    assert np.array_equal(np.array(rows["parallax"]), np.array(expected["parallax"]), equal_nan=True)
