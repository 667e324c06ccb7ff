"""VOTables written by astropy and by hand, read back and compared value by value."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table

from vo_server.errors import IngestError
from vo_server.formats.read.cast import cast
from vo_server.formats.read.votable import VotableReader
from vo_server.model.datatype import DataType, Primitive

N_ROWS = 5000
KINDS = ("tabledata", "binary", "binary2")


def reader_of(document: bytes, table: str | None = None) -> VotableReader:
    return VotableReader(lambda: io.BytesIO(document), file="doc.vot", table=table)


def rows_of(reader: VotableReader) -> dict[str, list[Any]]:
    """Read everything, cast to the declared types."""
    columns: dict[str, list[Any]] = {column.name: [] for column in reader.facts.columns}
    for batch in reader.batches():
        for column, values in zip(reader.facts.columns, batch.columns, strict=True):
            result, bad = cast(values, column.datatype)
            assert bad is None, column.name
            columns[column.name] += result.to_pylist()
    return columns


def written(table: Table, kind: str) -> bytes:
    document = io.BytesIO()
    votable = from_table(table)
    for field in votable.get_first_table().fields:
        if field.name == "maybe":
            field.values.null = -1
    votable.to_xml(document, tabledata_format=kind)
    return document.getvalue()


@pytest.fixture(scope="module")
def everything() -> Table:
    rng = np.random.default_rng(1)
    table = Table()
    table["id"] = rng.integers(-(2**63), 2**63 - 1, N_ROWS)
    table["short"] = rng.integers(-(2**15), 2**15, N_ROWS).astype(np.int16)
    table["byte"] = rng.integers(0, 256, N_ROWS).astype(np.uint8)
    table["flag"] = rng.integers(0, 2, N_ROWS).astype(bool)
    table["x"] = rng.normal(size=N_ROWS)
    table["f"] = rng.normal(size=N_ROWS).astype(np.float32)
    table["vector"] = rng.normal(size=(N_ROWS, 3))
    table["matrix"] = rng.integers(0, 99, (N_ROWS, 2, 3)).astype(np.int32)
    table["text"] = [f'row <{n}> & "co"' + "x" * (n % 7) for n in range(N_ROWS)]
    table["unicode"] = [f"Å{n}" + "中" * (n % 3) for n in range(N_ROWS)]
    lists = np.empty(N_ROWS, object)
    lists[:] = [np.ma.array(np.arange(n % 4, dtype=np.float64), mask=np.zeros(n % 4, bool)) for n in range(N_ROWS)]
    table["lists"] = lists
    table["maybe"] = MaskedColumn(np.arange(N_ROWS), mask=np.arange(N_ROWS) % 3 == 0)
    return table


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_comes_back_bit_for_bit(everything: Table, kind: str) -> None:
    rows = rows_of(reader_of(written(everything, kind)))
    for name in ("id", "short", "byte", "flag", "x", "f", "text", "unicode"):
        assert rows[name] == everything[name].tolist(), name
    assert rows["vector"] == everything["vector"].tolist()
    assert rows["matrix"] == everything["matrix"].reshape(N_ROWS, 6).tolist()
    expected = [list(one) for one in everything["lists"]]
    # TABLEDATA cannot tell an empty array from none.
    assert [one or [] for one in rows["lists"]] == expected


def test_binary2_has_its_nulls(everything: Table) -> None:
    assert rows_of(reader_of(written(everything, "binary2")))["maybe"] == everything["maybe"].tolist()


def test_the_null_mark_of_values_is_told(everything: Table) -> None:
    reader = reader_of(written(everything, "binary"))
    assert next(one for one in reader.facts.columns if one.name == "maybe").null_values == ("-1",)


HEAD = """<?xml version="1.0"?>
<!DOCTYPE VOTABLE SYSTEM "http://example.org/VOTable.dtd">
<v:VOTABLE xmlns:v="http://www.ivoa.net/xml/VOTable/v1.3" version="1.4"><v:RESOURCE type="results">
<v:COOSYS ID="sys" system="ICRS"/>
<v:INFO name="QUERY_STATUS" value="OK"/>
<v:TABLE name="first"><v:DESCRIPTION>A  table
 of mine</v:DESCRIPTION>
<v:GROUP name="g"><v:PARAM name="p" datatype="int" value="1"/></v:GROUP>
<v:FIELD name="ra" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main" ref="sys"><v:DESCRIPTION>Right
 ascension</v:DESCRIPTION></v:FIELD>
<v:FIELD name="a &gt; b" datatype="int"><v:VALUES null="-9"/></v:FIELD>
<v:FIELD name="s" datatype="char" arraysize="*"/>
<v:DATA><v:TABLEDATA>
"""
TAIL = """</v:TABLEDATA></v:DATA></v:TABLE>
<v:TABLE name="second"><v:FIELD name="n" datatype="long"/><v:DATA><v:TABLEDATA>
<v:TR><v:TD>7</v:TD></v:TR></v:TABLEDATA></v:DATA></v:TABLE>
</v:RESOURCE></v:VOTABLE>"""


def document(rows: str) -> bytes:
    return (HEAD + rows + TAIL).encode()


def row(ra: str, number: str, text: str) -> str:
    return f"<v:TR><v:TD>{ra}</v:TD><v:TD>{number}</v:TD><v:TD>{text}</v:TD></v:TR>\n"


def test_the_head_tells_all_it_knows() -> None:
    facts = reader_of(document("")).facts
    assert (facts.name, facts.description, facts.frames) == ("first", "A table of mine", {"ra": "ICRS"})
    ra, number, text = facts.columns
    assert (ra.unit, ra.ucd, ra.description) == ("deg", "pos.eq.ra;meta.main", "Right ascension")
    assert (number.name, number.null_values, number.datatype) == ("a > b", ("-9",), DataType(Primitive.INT))
    assert text.datatype == DataType(Primitive.CHAR, "*")


def test_markup_inside_cells_is_text() -> None:
    rows = row("1", "2", "a &lt;b&gt; &amp;amp; &#233;&#x4E2D; '>' ok")
    rows += row("<![CDATA[2.5]]>", "<!-- not --> 3", "<![CDATA[<TR>&amp;]]>x")
    rows += '<v:TR ID="r3"><v:TD/><v:TD></v:TD><v:TD>  two  blanks </v:TD></v:TR>'
    reader = reader_of(document(rows))
    assert rows_of(reader) == {
        "ra": [1.0, 2.5, None],
        "a > b": [2, 3, None],
        "s": ["a <b> &amp; é中 '>' ok", "<TR>&amp;x", "  two  blanks "],
    }


def test_another_table_is_chosen_by_number_or_name() -> None:
    for wanted in ("2", "second"):
        assert rows_of(reader_of(document(row("1", "2", "x")), wanted)) == {"n": [7]}
    with pytest.raises(IngestError, match="no table 'third' among its 2"):
        reader_of(document(""), "third")


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_other_encodings_are_read(encoding: str) -> None:
    text = (HEAD.replace('version="1.0"?', f'version="1.0" encoding="{encoding}"?') + row("1", "2", "Å") + TAIL).encode(
        encoding
    )
    assert rows_of(reader_of(text))["s"] == ["Å"]


def test_rows_with_another_number_of_cells_are_told_and_left_out() -> None:
    rows = row("1", "1", "a") + "<v:TR><v:TD>2</v:TD></v:TR>" + row("3", "3", "c")
    reader = reader_of(document(rows))
    assert rows_of(reader)["s"] == ["a", "c"]
    assert reader.malformed.first == [(2, "1 cells instead of 3")]
    assert [reader.row_number(index) for index in range(2)] == [1, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_cut_anywhere_is_refused(everything: Table, kind: str) -> None:
    whole = written(everything[:200], kind)
    n_rows = 0
    for cut in range(10, len(whole) - 12, len(whole) // 97):
        with pytest.raises(IngestError) as caught:
            rows_of(reader_of(whole[:cut]))
        assert caught.value.file == "doc.vot"
        n_rows += caught.value.row is not None
    assert n_rows > 50


BOMB = b"""<?xml version="1.0"?><!DOCTYPE VOTABLE [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<VOTABLE><RESOURCE><TABLE><FIELD name="x" datatype="char" arraysize="*"/>
<DATA><TABLEDATA><TR><TD>&b;</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""
XXE = BOMB.replace(b'<!ENTITY a "aaaaaaaaaa">', b'<!ENTITY a SYSTEM "file:///etc/passwd">')


@pytest.mark.parametrize("attack", [BOMB, XXE], ids=["expansion", "external"])
def test_entities_are_refused(attack: bytes) -> None:
    with pytest.raises(IngestError, match="entities, which are refused"):
        reader_of(attack)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<v:TR><v:TD>1</v:TD><v:TD>&undefined;</v:TD><v:TD/></v:TR>", "an XML entity"),
        ("<v:TR><v:TD>1</v:TD><v:TD>a & b</v:TD><v:TD/></v:TR>", "bare '&'"),
        ("<v:TR><v:TD>1<v:TD>2</v:TD></v:TD><v:TD/></v:TR>", "row 1: TABLEDATA is malformed: tags are not nested"),
        (row("1", "1", "x") + "<v:TR><v:B>1</v:B></v:TR>", "row 2: TABLEDATA is malformed: an element"),
    ],
)
def test_malformed_rows_are_told_with_their_number(body: str, reason: str) -> None:
    with pytest.raises(IngestError, match=reason):
        rows_of(reader_of(document(body)))


def test_a_failed_query_is_not_a_table() -> None:
    failed = document("").replace(b'value="OK"/>', b'value="ERROR">no such column</v:INFO>')
    with pytest.raises(IngestError, match="a query that failed: no such column"):
        reader_of(failed)


def test_an_overflow_is_told() -> None:
    reader = reader_of(
        document(row("1", "1", "x")).replace(
            b"</v:RESOURCE>", b'<v:INFO name="QUERY_STATUS" value="OVERFLOW"/></v:RESOURCE>'
        )
    )
    assert rows_of(reader)["s"] == ["x"]
    assert "the file says that it was cut at a row limit (QUERY_STATUS OVERFLOW)" in reader.warnings


def test_remote_rows_are_not_fetched() -> None:
    text = document("").replace(
        b"<v:TABLEDATA>", b'<v:BINARY><v:STREAM href="http://169.254.169.254/x"/></v:BINARY>', 1
    )
    with pytest.raises(IngestError, match="which is not fetched"):
        reader_of(text)


@pytest.mark.parametrize("n_columns", [7, 8, 9, 17])
def test_null_flags_are_found_for_any_number_of_columns(n_columns: int) -> None:
    table = Table(
        {
            f"c{number}": MaskedColumn([10, 20, 30], mask=[number % 2 == 0, number % 3 == 0, False])
            for number in range(n_columns)
        }
    )
    rows = rows_of(reader_of(written(table, "binary2")))
    assert rows == {name: table[name].tolist() for name in table.colnames}


def test_surrogate_pairs_survive_binary() -> None:
    fields = '<FIELD name="u" datatype="unicodeChar" arraysize="*"/>'
    text = "a😀b\ud800".encode("utf-16-be", errors="surrogatepass")
    stream = base64.b64encode((len(text) // 2).to_bytes(4, "big") + text).decode()
    data = f'<DATA><BINARY><STREAM encoding="base64">{stream}</STREAM></BINARY></DATA>'
    xml = f"<VOTABLE><RESOURCE><TABLE>{fields}{data}</TABLE></RESOURCE></VOTABLE>"
    assert rows_of(reader_of(xml.encode())) == {"u": ["a😀b\ufffd"]}


@pytest.mark.parametrize("bits", ["1010000011", "1 0 1 0 0 0 0 0 1 1"])
def test_bits_and_complex_numbers_become_arrays(bits: str) -> None:
    fields = '<FIELD name="b" datatype="bit" arraysize="10"/><FIELD name="c" datatype="floatComplex"/>'
    cells = f"<TR><TD>{bits}</TD><TD>1.5 -2</TD></TR>"
    xml = f"<VOTABLE><RESOURCE><TABLE>{fields}<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    expected = {"b": [[one == "1" for one in "1010000011"]], "c": [[1.5, -2.0]]}
    assert rows_of(reader_of(xml.encode())) == expected


def test_a_table_without_rows_gives_none() -> None:
    nothing: dict[str, list[Any]] = {"ra": [], "a > b": [], "s": []}
    assert rows_of(reader_of(document(""))) == nothing
    first, _, rest = document("").partition(b"<v:DATA>")
    assert rows_of(reader_of(first + rest.partition(b"</v:DATA>")[2])) == nothing


def test_batches_are_bounded() -> None:
    rows = row("1", "2", "x") * 100_000
    sizes = [batch.num_rows for batch in reader_of(document(rows)).batches()]
    assert sum(sizes) == 100_000
    assert max(sizes) <= 65_536


def test_batches_are_arrow() -> None:
    batch = next(iter(reader_of(document(row("1", "2", "x"))).batches()))
    assert isinstance(batch, pa.RecordBatch)
