"""Read CSV and its relatives as a stream, plain or compressed, with types that are known before the rows are given.

The file is read twice when its types are not described: the first pass looks at every value, so that a text or a
fraction in the last row never breaks a load, and an integer never travels through a float. Both passes are streams.
"""

from __future__ import annotations

import codecs
import csv
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyarrow import csv as pa_csv

from vo_server.errors import IngestError
from vo_server.formats.read.base import BATCH_ROWS, MalformedRows, TableFacts
from vo_server.formats.read.csv_head import CsvForm, sniff
from vo_server.formats.read.csv_types import TypeGuess
from vo_server.formats.read.source import open_bytes
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from vo_server.formats.read.source import Source

__all__ = ["NULL_TEXTS", "CsvReader", "csv_form", "filled_names"]

BLOCK_BYTES: Final = 4 * 1024 * 1024
"""Bytes that are parsed at once; no row may be longer."""

_QUOTE_HINT: Final = 'is a closing quote (") missing?'

_EMPTY_HINT: Final = "is it a table, and complete?"

SAMPLE_BYTES: Final = 1024 * 1024
_UTF8_BOM: Final = b"\xef\xbb\xbf"

NULL_TEXTS: Final = frozenset(
    {"nan", "NaN", "NAN", "-nan", "null", "NULL", "Null", "NA", "N/A", "n/a", "None", "none", "--", "\\N", "<NA>"}
)
"""Texts that mean NULL in columns of numbers, dates and truth values. In a text column they are texts."""


class CsvReader:
    """A CSV file with a header line.

    The batches hold text; :func:`vo_server.formats.read.cast.cast` makes values of it. Rows with the wrong number of
    fields are not in the batches but in ``malformed``.

    Parameters
    ----------
    source
        The file: plain, gzip or zstandard; UTF-8, or else Latin-1.
    form
        How it is written; found out from its first lines when None.
    columns
        Description of the columns; found out by a pass over the whole file when None.
    can_be_empty
        Whether a file without rows is a table: so when its header leaves no doubt that it is one.
    keeps_empty
        Whether a quoted empty field is an empty text. In a file of one column it is NULL in any case: without the
        quotes the row would be an empty line, which is none.

    Raises
    ------
    IngestError
        If the file is cut off, has no header line, no rows, or a quote that is not closed.
    """

    null_texts: frozenset[str] = NULL_TEXTS

    def __init__(
        self,
        source: Source,
        *,
        form: CsvForm | None = None,
        columns: Sequence[Column] | None = None,
        can_be_empty: bool = False,
        keeps_empty: bool = True,
    ) -> None:
        self.file = source.name
        self._source = source
        self._can_be_empty = can_be_empty
        self._is_latin1 = False
        self._warnings: list[str] = []
        self.malformed = MalformedRows()
        self._position = 0
        self.form = form or csv_form(source)
        self.names = filled_names(self.form.names)
        self.keeps_empty = keeps_empty and len(self.names) > 1
        if self.names != self.form.names:
            made = ", ".join(name for name, old in zip(self.names, self.form.names, strict=True) if not old)
            self._warnings.append(f"columns without a name were named {made}")
        guesses = self._guessed() if columns is None else ()
        described = tuple(columns or ())
        if columns is None:
            described = tuple(_column(name, guess) for name, guess in zip(self.names, guesses, strict=True))
        valueless = frozenset(name for name, guess in zip(self.names, guesses, strict=False) if guess.n_values == 0)
        nearly = {
            name: self._odd_words(guess)
            for name, guess in zip(self.names, guesses, strict=False)
            if guess.is_nearly_numbers
        }
        self.facts = TableFacts(described, warnings=tuple(self._warnings), valueless=valueless, nearly_numbers=nearly)

    def row_number(self, index: int) -> int:
        """Return the row in the file, from 1, of the row that came ``index``-th out of the batches."""
        number = index + 1
        for bad, _ in self.malformed.first:
            number += bad <= number
        return number

    def fraction(self) -> float | None:
        """Tell that the share is not known: the parser reads ahead."""
        return None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows as text."""
        try:
            yield from self._checked_batches()
        except pa.ArrowInvalid as error:
            raise self._translated(error) from error
        except UnicodeDecodeError as error:
            hint = "convert it: iconv -f latin1 -t utf-8"
            raise IngestError("the text is not UTF-8", file=self.file, hint=hint) from error

    def _checked_batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows and refuse a file that has none, before it replaces a table that has some."""
        n_rows = 0
        for batch in self._text_batches():
            n_rows += batch.num_rows
            yield batch
        if n_rows or self._can_be_empty:
            return
        if self.malformed.n_rows:
            row, message = self.malformed.first[0]
            raise IngestError(
                f"none of its {self.malformed.n_rows} rows fits the header line: {message}",
                file=self.file,
                row=row,
                hint="is it a table with one header line and as many fields in each row?",
            )
        raise IngestError("the file has a header line but no rows", file=self.file, hint=_EMPTY_HINT)

    def _text_batches(self) -> Iterator[pa.RecordBatch]:
        self.malformed = MalformedRows()
        # Names may repeat in a file; for the parser they are numbers.
        numbers = [str(number) for number in range(len(self.names))]
        with open_bytes(self._source) as stream:
            for _ in range(self.form.n_lines_before):
                stream.readline()
            watched = _Watched(stream, is_latin1=self._is_latin1)
            try:
                reader = pa_csv.open_csv(
                    pa.PythonFile(watched, mode="r"),
                    read_options=pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=numbers),
                    parse_options=pa_csv.ParseOptions(
                        delimiter=self.form.separator, newlines_in_values=True, invalid_row_handler=self._malformed_row
                    ),
                    convert_options=pa_csv.ConvertOptions(
                        column_types=dict.fromkeys(numbers, pa.string()),
                        null_values=[""],
                        strings_can_be_null=self.keeps_empty,
                        quoted_strings_can_be_null=False,
                    ),
                )
            except pa.ArrowInvalid as error:
                if "Empty CSV file" in str(error):
                    return
                raise
            n_rows = 0
            for batch in reader:
                n_rows += batch.num_rows
                if watched.is_at_end and watched.n_quotes % 2 and _ends_in_lines(batch):
                    row = self.row_number(n_rows - 1)
                    raise IngestError("the file ends inside a quoted value", file=self.file, row=row, hint=_QUOTE_HINT)
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS).rename_columns(list(self.names))

    def _malformed_row(self, row: pa_csv.InvalidRow) -> str:
        self.malformed.add(row.number or 0, f"{row.actual_columns} fields instead of {row.expected_columns}")
        return "skip"

    def _guessed(self) -> tuple[TypeGuess, ...]:
        """Look at every value once."""
        try:
            guesses = self._guess_pass()
        except pa.ArrowInvalid as error:
            raise self._translated(error) from error
        except UnicodeDecodeError:
            self._is_latin1 = True
            self._warnings.append("the text is not UTF-8; it was read as Latin-1")
            guesses = self._guess_pass()
        described = zip(self.names, guesses, strict=True)
        self._warnings.extend(f"column {name}: {note}" for name, guess in described for note in guess.notes())
        return guesses

    def _odd_words(self, guess: TypeGuess) -> str:
        assert guess.first_odd is not None, "the column has values that are not numbers"
        index, value = guess.first_odd
        n_numbers = guess.n_values - guess.n_odd
        return f"{n_numbers} of {guess.n_values} values are numbers, row {self.row_number(index)} has {value[:60]!r}"

    def _guess_pass(self) -> tuple[TypeGuess, ...]:
        guesses = tuple(TypeGuess(self.null_texts) for _ in self.names)
        for batch in self._checked_batches():
            for guess, column in zip(guesses, batch.columns, strict=True):
                guess.see(column)
        return guesses

    def _translated(self, error: pa.ArrowInvalid) -> IngestError:
        text = str(error)
        if "straddl" in text:
            return IngestError(f"a row is longer than {BLOCK_BYTES} bytes", file=self.file, hint=_QUOTE_HINT)
        return IngestError(f"the text cannot be read as CSV: {text.splitlines()[0]}", file=self.file)


class _Watched:
    """A stream of UTF-8 text for the parser, which neither minds bad bytes in bad rows nor a quote that stays open.

    Parameters
    ----------
    stream
        The file.
    is_latin1
        Whether it is Latin-1 and must be turned into UTF-8.
    """

    def __init__(self, stream: BinaryIO, *, is_latin1: bool) -> None:
        self._stream = stream
        self._is_latin1 = is_latin1
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.n_quotes = 0
        self.is_at_end = False
        self.closed = False

    def read(self, n_bytes: int) -> bytes:
        """Read as the stream does.

        Raises
        ------
        UnicodeDecodeError
            If the text is not UTF-8 and is not said to be Latin-1.
        """
        # A character of Latin-1 takes up to two bytes in UTF-8.
        data = self._stream.read(n_bytes // 2 if self._is_latin1 else n_bytes)
        self.is_at_end = not data
        if self._is_latin1:
            data = data.decode("latin-1").encode("utf-8")
        else:
            self._decoder.decode(data, final=self.is_at_end)
        self.n_quotes += data.count(b'"')
        return data


def _ends_in_lines(batch: pa.RecordBatch) -> bool:
    """Tell whether a value of the last row holds a line break."""
    last = batch.slice(max(0, batch.num_rows - 1))
    return any("\n" in (value or "") for row in last.to_pylist() for value in row.values())


def _column(name: str, guess: TypeGuess) -> Column:
    # Where there are only words for "nothing", they are nothing.
    marks = tuple(sorted(NULL_TEXTS)) if guess.n_values == 0 else ()
    return Column(name, guess.datatype(), null_values=marks)


def csv_form(source: Source) -> CsvForm:
    """Find out how a file is written.

    Raises
    ------
    IngestError
        If it is empty, not text, or has no header line.
    """
    sample = source.starts_with(SAMPLE_BYTES).removeprefix(_UTF8_BOM)
    if not sample.strip():
        raise IngestError("the file is empty", file=source.name)
    if b"\0" in sample:
        raise IngestError("it is not a text file", file=source.name, hint="known are FITS, VOTable, Parquet, CSV, ECSV")
    return sniff(sample.decode("utf-8", errors="replace"), file=source.name)


def filled_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names with one made up for each that is empty."""
    return tuple(name or f"col{number}" for number, name in enumerate(names, start=1))


csv.field_size_limit(BLOCK_BYTES)
