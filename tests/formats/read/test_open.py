from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from astropy.table import Table

from vo_server.errors import IngestError
from vo_server.formats.read.open import open_reader

WRITERS = {"t.fits": "fits", "t.vot": "votable", "t.parquet": "parquet", "t.csv": "csv", "t.ecsv": "ascii.ecsv"}


@pytest.mark.parametrize("name", WRITERS)
def test_the_content_chooses_the_reader_not_the_name(tmp_path: Path, name: str) -> None:
    Table({"a": [1, 2], "b": ["x", "y"]}).write(tmp_path / name, format=WRITERS[name])
    shutil.move(tmp_path / name, tmp_path / "mystery.data")
    reader = open_reader(str(tmp_path / "mystery.data"))
    assert [column.name for column in reader.facts.columns] == ["a", "b"]
    assert sum(batch.num_rows for batch in reader.batches()) == 2


def test_a_name_with_brackets_is_a_name_if_there_is_such_a_file(tmp_path: Path) -> None:
    path = tmp_path / "odd[1].csv"
    path.write_text("a,b\n1,2\n")
    assert len(open_reader(str(path)).facts.columns) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\x89HDF\r\n\x1a\n", "HDF5 files cannot be read"),
        (b'{"a": 1,\n "b": 2}\n', "JSON files cannot be read"),
        (b'[\n  {"a": 1}\n]\n', "JSON files cannot be read"),
        (None, "there is no such file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "x"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IngestError, match=reason):
        open_reader(str(path))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="it is not a file"):
        open_reader(str(tmp_path))


def test_a_text_file_has_no_parts(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(IngestError, match="has no part '2'"):
        open_reader(f"{tmp_path / 't.csv'}[2]")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.fits", "it is named FITS but does not begin with SIMPLE"),
        ("x.FIT", "named FITS"),
        ("x.fits.gz", "named FITS"),
        ("x.parquet", "named Parquet but does not begin with PAR1"),
        ("x.xml", "named VOTable but does not begin with an XML tag"),
        ("x.vot", "named VOTable"),
    ],
)
def test_a_text_with_the_name_of_another_format_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(IngestError, match=reason):
        open_reader(str(tmp_path / name))


def test_a_header_with_names_in_brackets_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("[Fe/H],[3.6]\n0.5,2\n")
    assert [column.name for column in open_reader(str(tmp_path / "t.csv")).facts.columns] == ["[Fe/H]", "[3.6]"]
