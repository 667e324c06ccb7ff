"""FITS tables written by astropy, read back and compared value by value."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from vo_server.errors import IngestError
from vo_server.formats.read.cast import cast
from vo_server.formats.read.fits import FitsReader
from vo_server.formats.read.open import open_reader
from vo_server.formats.read.source import Source
from vo_server.model.datatype import DataType, Primitive

N_ROWS = 1000
SEED = 3


def objects(arrays: list[Any]) -> np.ndarray[Any, Any]:
    """Return an array of arrays, whatever their lengths."""
    made = np.empty(len(arrays), object)
    made[:] = arrays
    return made


def written(path: Path) -> Path:
    """Write a file with every kind of column."""
    rng = np.random.default_rng(SEED)
    n = np.arange(N_ROWS)
    columns = [
        fits.Column("id", "K", array=rng.integers(-(2**63), 2**63 - 1, N_ROWS)),
        fits.Column("ra", "D", unit="deg", array=rng.uniform(0, 360, N_ROWS)),
        fits.Column("f", "E", array=rng.normal(size=N_ROWS).astype("f4")),
        fits.Column("j", "J", null=-9, array=np.where(n % 5 == 0, -9, n)),
        fits.Column("byte", "B", array=(n % 256).astype("u1")),
        fits.Column("u2", "I", bzero=2**15, array=(n * 65).astype("u2")),
        fits.Column("u4", "J", bzero=2**31, array=(n * 4_000_000).astype("u4")),
        fits.Column("u8", "K", bzero=2**63, array=2**64 - 1 - n.astype("u8")),
        fits.Column("i1", "B", bzero=-128, array=(n % 256 - 128).astype("i1")),
        fits.Column("flag", "L", array=n % 2 == 0),
        fits.Column("text", "9A", array=np.array([f" r {one}" for one in n], "S9")),
        fits.Column("bits", "11X", array=rng.integers(0, 2, (N_ROWS, 11)).astype(bool)),
        fits.Column("matrix", "6D", dim="(2,3)", array=rng.normal(size=(N_ROWS, 3, 2))),
        fits.Column("complex", "C", array=(n + 2j).astype("c8")),
        fits.Column("lists", "PE()", array=objects([np.arange(one % 4, dtype="f4") for one in n])),
        fits.Column("long lists", "QK()", array=objects([np.arange(one % 3) + 2**60 for one in n])),
        fits.Column("texts", "PA()", array=objects(["x" * (one % 5) for one in n])),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="MAIN")
    table.header["TUCD2"] = "pos.eq.ra;meta.main"
    table.header["TCOMM2"] = "Right ascension"
    table.header.comments["TTYPE3"] = "a flux"
    table.header.comments["TTYPE4"] = "label for field   4"
    other = fits.BinTableHDU.from_columns([fits.Column("x", "J", array=[1, 2])], name="OTHER")
    image = fits.ImageHDU(np.zeros((30, 40), "f4"), name="IMAGE")
    fits.HDUList([fits.PrimaryHDU(), image, table, other]).writeto(path)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("fits") / "every.fits")


def rows_of(path: str | Path) -> dict[str, list[Any]]:
    reader = open_reader(str(path))
    columns: dict[str, list[Any]] = {column.name: [] for column in reader.facts.columns}
    for batch in reader.batches():
        for column, values in zip(reader.facts.columns, batch.columns, strict=True):
            result, bad = cast(values, column.datatype)
            assert bad is None, column.name
            columns[column.name] += result.to_pylist()
    return columns


def test_every_type_comes_back_bit_for_bit(file: Path) -> None:
    rows = rows_of(file)
    with fits.open(file) as opened:
        expected = opened["MAIN"].data
        for name in ("id", "ra", "f", "j", "byte", "u2", "u4", "i1", "flag"):
            assert rows[name] == expected[name].tolist(), name
        assert rows["u8"] == [str(one) for one in expected["u8"].tolist()]
        assert rows["text"] == [f" r {one}" for one in range(N_ROWS)]
        assert rows["bits"] == expected["bits"].astype(bool).tolist()
        assert rows["matrix"] == expected["matrix"].reshape(N_ROWS, 6).tolist()
        assert rows["complex"] == [[float(one), 2.0] for one in range(N_ROWS)]
        assert rows["lists"] == [one.tolist() for one in expected["lists"]]
        assert rows["long lists"] == [one.tolist() for one in expected["long lists"]]
    assert rows["texts"] == ["x" * (one % 5) or None for one in range(N_ROWS)]


def test_the_header_is_taken_over(file: Path) -> None:
    reader = FitsReader(Source.of(str(file)))
    by_name = {column.name: column for column in reader.facts.columns}
    ra = by_name["ra"]
    assert (ra.unit, ra.ucd, ra.description) == ("deg", "pos.eq.ra;meta.main", "Right ascension")
    assert (by_name["f"].description, by_name["j"].description) == ("a flux", None)
    assert by_name["j"].null_values == ("-9",)
    assert by_name["u2"].datatype == DataType(Primitive.INT)
    assert by_name["matrix"].datatype == DataType(Primitive.DOUBLE, "2x3")
    assert (reader.facts.name, reader.facts.n_rows) == ("MAIN", N_ROWS)
    assert "the file has 2 tables; the first was taken" in reader.facts.warnings[0]
    assert "(OTHER)" in reader.facts.warnings[0]


def test_an_extension_is_chosen_by_number_or_name(file: Path) -> None:
    for part in ("3", "OTHER", "other"):
        assert rows_of(f"{file}[{part}]") == {"x": [1, 2]}
    with pytest.raises(IngestError, match="no table 'nope'; its tables are MAIN, OTHER"):
        open_reader(f"{file}[nope]")
    with pytest.raises(IngestError, match="no table '1'"):
        open_reader(f"{file}[1]")


def test_a_compressed_file_gives_the_same(file: Path, tmp_path: Path) -> None:
    packed = tmp_path / "every.fits.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert str(rows_of(packed)) == str(rows_of(file))


def test_scaled_columns_are_computed_and_keep_their_nulls(tmp_path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("t", "I", array=np.array([10, -1, 30], "i2"))])
    table.header["TSCAL1"], table.header["TZERO1"], table.header["TNULL1"] = 0.5, 100.0, -1
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "scaled.fits")
    assert rows_of(tmp_path / "scaled.fits") == {"t": [105.0, None, 115.0]}


def test_ascii_tables_are_read(tmp_path: Path) -> None:
    columns = [
        fits.Column("a", "A5", array=["x", "yy"]),
        fits.Column("i", "I6", array=[1, -2]),
        fits.Column("d", "D20.10", array=[1.5, 2e100]),
    ]
    fits.TableHDU.from_columns(columns).writeto(tmp_path / "ascii.fits")
    rows = rows_of(tmp_path / "ascii.fits")
    assert (rows["a"], rows["i"], rows["d"]) == (["x", "yy"], [1, -2], [1.5, 2e100])


def test_a_text_that_is_not_utf8_is_latin1(tmp_path: Path) -> None:
    columns = [fits.Column("s", "8A", array=np.array([b"na\xefve", b"ok", b""], "S8"))]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "latin.fits")
    assert rows_of(tmp_path / "latin.fits") == {"s": ["naïve", "ok", None]}


def test_a_file_cut_anywhere_is_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    with fits.open(file) as opened:
        start = opened["MAIN"].fileinfo()["datLoc"]
        end = start + opened["MAIN"].size
    cut = tmp_path / "cut.fits"
    for length in (1, 100, 2880, 5000, start - 1, start, start + 1, start + 12345, end - 1):
        cut.write_bytes(whole[:length])
        with pytest.raises(IngestError) as caught:
            rows_of(f"{cut}[MAIN]")
        assert str(cut) in str(caught.value)
    cut.write_bytes(whole[: start + 12345])
    with pytest.raises(IngestError, match=r"row \d+: the file ends inside row \d+ of 1000"):
        rows_of(f"{cut}[MAIN]")


def test_missing_padding_at_the_end_is_not_missed(file: Path, tmp_path: Path) -> None:
    with fits.open(file) as opened:
        end = opened["MAIN"].fileinfo()["datLoc"] + opened["MAIN"].size
    (tmp_path / "short.fits").write_bytes(file.read_bytes()[:end])
    assert len(rows_of(tmp_path / "short.fits")["id"]) == N_ROWS


def test_damaged_descriptors_are_told_with_their_row(file: Path, tmp_path: Path) -> None:
    data = bytearray(file.read_bytes())
    with fits.open(file) as opened:
        start, width = opened["MAIN"].fileinfo()["datLoc"], opened["MAIN"].header["NAXIS1"]
        names = opened["MAIN"].columns.names
        dtype = opened["MAIN"].data.dtype
    offset = dtype.fields[names[names.index("lists")]][1]
    at = start + 4 * width + offset
    data[at : at + 4] = (2**31 - 1).to_bytes(4, "big")
    (tmp_path / "bad.fits").write_bytes(data)
    with pytest.raises(IngestError, match="row 5, column lists: an array lies outside the heap"):
        rows_of(tmp_path / "bad.fits")


@pytest.mark.parametrize(("name", "reason"), [("empty", "the file is empty"), ("image", "the file has no table")])
def test_a_file_without_a_table_is_told(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / f"{name}.fits"
    if name == "image":
        fits.PrimaryHDU(np.zeros((5, 5))).writeto(path)
    else:
        path.touch()
    with pytest.raises(IngestError, match=reason):
        open_reader(str(path))


@pytest.mark.catalogues
def test_real_tractor_files_read_as_astropy_reads_them(catalogues_dir: Path) -> None:
    path = catalogues_dir / "legacysurvey_tractor" / "raw_dr9_north" / "tractor-1054p567.fits"
    rows = rows_of(path)
    with fits.open(path) as opened:
        expected = opened[1].data
        assert len(rows) == len(expected.columns)
        for name in expected.columns.names:
            values = expected[name]
            if values.dtype.kind == "U":
                assert rows[name] == [one.rstrip() or None for one in values.tolist()]
            else:
                assert np.array_equal(np.array(rows[name]).reshape(values.shape), values, equal_nan=True), name
