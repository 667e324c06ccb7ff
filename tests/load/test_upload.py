"""What becomes of files that are uploaded, of those above all that were made to do harm."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table

from vo_server.errors import TooLargeError, UploadError, VoError
from vo_server.formats.read.source import Source
from vo_server.load.upload import ReadLimits, read_upload
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import PositionIndex

if TYPE_CHECKING:
    from vo_server.model.upload import UploadedTable

MIB: Final = 2**20
LIMITS = ReadLimits(max_rows=100_000, max_bytes=64 * MIB)
INT: Final = '<FIELD name="a" datatype="int"/>'
LAUGHS: Final = (
    '<!DOCTYPE VOTABLE [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + one)} "{f"&{chr(97 + one)};" * 10}">' for one in range(9))
    + "]>"
)
FILE_ENTITY: Final = '<!DOCTYPE VOTABLE [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def votable(fields: str, data: str, *, prolog: str = "", attributes: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{prolog}<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>'
        f"<TABLE {attributes}>{fields}<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


def cells(*values: object) -> str:
    return f"<TABLEDATA>{''.join(f'<TR><TD>{value}</TD></TR>' for value in values)}</TABLEDATA>"


def stream(content: bytes, kind: str = "BINARY2") -> str:
    return f'<{kind}><STREAM encoding="base64">{base64.b64encode(content).decode()}</STREAM></{kind}>'


def uploaded(content: bytes, limits: ReadLimits = LIMITS, max_bytes: int = 64 * MIB) -> UploadedTable:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_upload(Source("upload t", Path("t"), file=cast("BinaryIO", file), max_bytes=max_bytes), "t", limits)


def names(table: UploadedTable) -> list[str]:
    return [column.name for column in table.table.columns]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(votable(INT, cells("&j;"), prolog=LAUGHS), "entities, which are refused", id="laughs"),
        pytest.param(votable(INT, cells("&x;"), prolog=FILE_ENTITY), "entities, which are refused", id="entity"),
        pytest.param(b"<VOTABLE>" + b"<RESOURCE>" * 300_000, "not well-formed", id="deep"),
        pytest.param(votable(INT, "<TABLEDATA><TR>" + "<TD>" * 300_000), "row 1: the file ends", id="deep-cells"),
        pytest.param(votable(INT, cells("<A>" * 300_000)), "row 1: TABLEDATA is malformed", id="deep-elements"),
        pytest.param(
            votable(
                '<FIELD name="a" datatype="double" arraysize="*"/>', stream(b"\0" + struct.pack(">i", 2**31 - 1) * 20)
            ),
            "row 1: the file ends inside",
            id="long-array",
        ),
        pytest.param(
            votable('<FIELD name="a" datatype="double" arraysize="99999999999x99999999999"/>', stream(b"\0" * 99)),
            "bytes by the FIELDs",
            id="huge-cells",
        ),
        pytest.param(
            votable('<FIELD name="a" datatype="char" arraysize="0"/>', stream(b"\0" * 99, "BINARY")),
            "a row has 0 bytes",
            id="empty-rows",
        ),
        pytest.param(
            votable('<FIELD name="a" datatype="double" arraysize="1000000000"/>', cells("1 2")),
            "row 1, column a: '1 2' is not an array",
            id="short-array",
        ),
        pytest.param(votable(INT, cells(*range(1000)))[:9000], r"row \d+: the file ends inside", id="cut"),
        pytest.param(
            gzip.compress(votable(INT, cells(*range(9000))))[:5000], "compressed file ends too early", id="gzip-cut"
        ),
        pytest.param(votable(INT, stream(b"\0\0\0\1\0\0", "BINARY")), "row 2: the file ends", id="binary-cut"),
        pytest.param(
            votable(INT, cells(1, "x1", 3, "y", "z", "u")),
            "row 2, column a: 'x1' is not an int; .*row 4, column a.*and 1 more",
            id="values",
        ),
        pytest.param(
            votable(INT, "<TABLEDATA><TR><TD>1</TD></TR><TR><TD>1</TD><TD>2</TD></TR></TABLEDATA>"),
            "row 2: 2 cells instead of 1",
            id="cells",
        ),
        pytest.param(
            votable(INT, '<BINARY><STREAM href="file:///etc/passwd"/></BINARY>'), "not fetched", id="other-file"
        ),
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"<VOTABLE></VOTABLE>", "no table", id="no-table"),
        pytest.param(b"<html><body>404</body></html>", "no rows", id="html"),
        pytest.param(b"PK\x03\x04" + bytes(99), "not a text file", id="zip"),
        pytest.param(b"# Region file format: DS9\nfk5\ncircle(1,2,0.1)\n", "region files of DS9", id="ds9"),
        pytest.param(b"a,b\n1,2\n3\n", "row 2: ", id="csv-row"),
        pytest.param(
            votable(f'<FIELD name="{"n" * 64}" datatype="int"/>', cells(1)), "longer than 63 bytes", id="name"
        ),
    ],
)
def test_a_broken_table_is_an_error_that_says_where(content: bytes, told: str) -> None:
    with pytest.raises(UploadError, match=f"(?s)upload t.*{told}"):
        uploaded(content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(
            votable(INT, cells(1, 2), attributes='nrows="1000000000"'),
            "says that it has 1000000000 rows; an upload may have 100000",
            id="declared",
        ),
        pytest.param(b"a,b\n" + b"1,2\n" * 100_001, "more rows; an upload may have 100000", id="rows"),
        pytest.param(b"a\n" + (b"x" * 99 + b"\n") * 90_000, "limit of 1048576 bytes of rows", id="bytes"),
        pytest.param(
            votable("".join(f'<FIELD name="c{one}" datatype="int"/>' for one in range(1601)), cells()),
            "1601 columns; at most 1600",
            id="columns",
        ),
    ],
)
def test_a_table_over_a_limit_is_refused_with_the_limit(content: bytes, told: str) -> None:
    with pytest.raises(TooLargeError, match=told):
        uploaded(content, ReadLimits(max_rows=100_000, max_bytes=MIB))


BOMBS: Final = {
    "gzip of blanks": "gzip.compress(b'<VOTABLE>' + b' ' * 10**9, 1)",
    "gzip of rows": "gzip.compress(b'a,b\\n' + b'1,2\\n' * 10**8, 1)",
    "zstd of zeros": "zstandard.compress(bytes(10**9))",
    "gzip of gzip": "gzip.compress(gzip.compress(bytes(10**9), 1), 1)",
}
READ: Final = """
import json, re, sys
from pathlib import Path
from vo_server.errors import VoError
from vo_server.formats.read.source import Source
from vo_server.load.upload import ReadLimits, read_upload

def most_mib():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

before = most_mib()
with open(sys.argv[1], "rb") as file:
    try:
        read_upload(Source("upload t", Path("t"), file=file, max_bytes=2**26), "t", ReadLimits(10**6, 2**26))
    except VoError as error:
        print(json.dumps([type(error).__name__, str(error), most_mib() - before]))
"""


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_in_little_memory(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "bomb"
    make = f"import gzip, sys, zstandard; open(sys.argv[1], 'wb').write({BOMBS[bomb]})"
    subprocess.run([sys.executable, "-c", make, str(path)], check=True, timeout=600)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], check=True, timeout=600, capture_output=True, text=True
    )
    kind, message, grown_mib = json.loads(done.stdout)
    assert kind in {"TooLargeError", "UploadError"}
    assert "67108864 bytes when it is unpacked" in message or "not a text file" in message
    assert grown_mib < 250


def test_names_that_clash_are_made_different_and_told() -> None:
    fields = "".join(
        f'<FIELD name="{name}" datatype="int"/>' for name in ("ra", "RA", "ra", "xmin", "_healpix_29", "  ", "select")
    )
    row = "<TABLEDATA><TR>" + "".join(f"<TD>{number}</TD>" for number in range(7)) + "</TR></TABLEDATA>"
    found = uploaded(votable(fields, row))
    assert len({name.lower() for name in names(found)}) == 7
    assert names(found)[:5] == ["ra", "RA_2", "ra_3", "xmin_2", "_healpix_29_2"]
    assert names(found)[6] == "select"
    assert [column[0].as_py() for column in found.rows.columns] == list(range(7))
    (note,) = found.notes
    assert note.startswith("upload t: names of columns were changed: 'RA' (now RA_2)")


@pytest.mark.filterwarnings("ignore::astropy.io.votable.exceptions.W03")  # astropy makes an ID of the name
def test_a_hostile_name_is_a_name() -> None:
    name = '"; DROP TABLE web.stars; --'
    written = io.BytesIO()
    Table({name: [1]}).write(written, format="votable")
    assert names(uploaded(written.getvalue())) == [name]


def test_the_position_is_known_by_its_columns_and_has_no_index() -> None:
    found = uploaded(b"id,ra,dec\n1,10.5,-20\n2,359,90\n").table
    assert found.position is not None
    assert (found.position.ra, found.position.dec, found.position.index) == ("ra", "dec", PositionIndex.NONE)
    assert found.n_rows == 2


def test_values_that_are_no_coordinates_are_no_position() -> None:
    found = uploaded(b"ra,dec\n-10.5,-20\n")
    assert found.table.position is None
    assert found.rows["ra"].to_pylist() == [-10.5]


def test_shapes_of_all_spellings_become_columns_of_shapes() -> None:
    fields = (
        '<FIELD name="p" datatype="double" arraysize="2" xtype="point"/>'
        '<FIELD name="c" datatype="char" arraysize="*" xtype="adql:CIRCLE"/>'
        '<FIELD name="o" datatype="double" arraysize="*" xtype="polygon"/>'
    )
    row = "<TD>1 2</TD><TD>Circle ICRS 1 2 3</TD><TD>0 0 1 0 1 1</TD>"
    found = uploaded(votable(fields, f"<TABLEDATA><TR>{row}</TR></TABLEDATA>"))
    kinds = [column.datatype.xtype for column in found.table.columns]
    assert kinds == ["point", "circle", "polygon"]
    assert found.rows.to_pylist() == [{"p": [1, 2], "c": [1, 2, 3], "o": [0, 0, 1, 0, 1, 1]}]
    assert found.table.position is not None
    assert found.table.position.point == "p"


def test_text_beyond_ascii_is_told_as_such() -> None:
    found = uploaded("a,b\nÅ,b\n".encode())
    assert [column.datatype for column in found.table.columns] == [
        DataType(Primitive.UNICODE_CHAR, "*"),
        DataType(Primitive.CHAR, "*"),
    ]


@pytest.mark.parametrize("kind", ["fits", "parquet", "ascii.ecsv", "ascii.csv", "votable", "arrow"])
def test_all_formats_are_read_in_their_order(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t"
    given = Table({"i": np.array([3, 1, 2], "i4"), "d": [0.1, np.nan, 3.0], "t": ["z", "x", "y"]})
    if kind == "arrow":
        rows = pa.table({"i": pa.array([3, 1, 2], pa.int32()), "d": [0.1, None, 3.0], "t": ["z", "x", "y"]})
        with path.open("wb") as file, pa.ipc.new_stream(file, rows.schema) as writer:
            writer.write_table(rows)
    else:
        given.write(path, format=kind)
    found = uploaded(path.read_bytes())
    assert found.rows["i"].to_pylist() == [3, 1, 2]
    assert found.rows["d"].to_pylist() == [0.1, None, 3.0]
    assert found.rows["t"].to_pylist() == ["z", "x", "y"]


def test_every_error_is_one_that_callers_are_told() -> None:
    random = np.random.default_rng(5)
    whole = votable(INT + '<FIELD name="t" datatype="char" arraysize="*"/>', "").replace(
        b"<DATA></DATA>", b"<DATA><TABLEDATA><TR><TD>1</TD><TD>x</TD></TR></TABLEDATA></DATA>"
    )
    for _ in range(400):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 3):
            damaged[place] = random.integers(0, 256)
        try:
            uploaded(bytes(damaged))
        except VoError:
            continue
