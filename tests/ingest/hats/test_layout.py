"""Names and properties inside a HATS folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hats.catalog.dataset.table_properties import TableProperties
from hats.io.paths import pixel_catalog_file
from hats.pixel_math.healpix_pixel import HealpixPixel

from ingest.hats.layout import partition_path, read_properties, write_properties
from vo_server.errors import IngestError


@pytest.mark.parametrize(("order", "number"), [(0, 3), (1, 44), (8, 123_456), (10, 12_582_911)])
def test_partitions_lie_where_the_hats_library_looks_for_them(order: int, number: int) -> None:
    expected = str(pixel_catalog_file("/base", HealpixPixel(order, number)))
    assert f"/base/dataset/{partition_path(order, number)}" == expected


def test_properties_are_read_as_java_writes_them() -> None:
    text = (
        "#HATS\n! more\n\nobs_collection = a\\:b c\nhats_nrows:12\nempty=\nbib_reference_url=https\\://x.org/?a\\=1\n"
    )
    expected = {"obs_collection": "a:b c", "hats_nrows": "12", "empty": "", "bib_reference_url": "https://x.org/?a=1"}
    assert read_properties(text, file="f") == expected


def test_what_is_written_is_read_back_without_empty_values() -> None:
    values = {"a": "x = y", "b": "two\nlines", "c": "", "d": "back\\slash"}
    assert read_properties(write_properties(values, title="t"), file="f") == {
        "a": "x = y",
        "b": "two lines",
        "d": "back\\slash",
    }


def test_what_is_no_file_of_properties_is_refused_with_its_line() -> None:
    with pytest.raises(IngestError, match=r"f: line 2 is not key=value: '<html>'"):
        read_properties("a=b\n<html>\n", file="f")


def test_the_hats_library_reads_the_same_properties(tmp_path: Path) -> None:
    values = {"obs_collection": "s.t", "dataproduct_type": "object", "hats_col_ra": "ra", "hats_col_dec": "dec"}
    (tmp_path / "hats.properties").write_text(write_properties(values, title="HATS catalog"), encoding="utf-8")
    found = TableProperties.read_from_dir(tmp_path)
    assert (found.catalog_name, found.ra_column) == ("s.t", "ra")
