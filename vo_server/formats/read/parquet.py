"""Read Parquet, row group by row group; column metadata from Arrow fields, astropy's header or a VOTable inside."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from vo_server.errors import IngestError, TooLargeError
from vo_server.formats.read.arrow_columns import LONG_DIGITS, described, fits_long, is_whole, storable_batch
from vo_server.formats.read.base import MalformedRows, batch_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.formats.read.source import Source

__all__ = ["MAGIC", "ParquetReader"]

MAGIC: Final = b"PAR1"
BUFFER_BYTES: Final = 1024 * 1024


class ParquetReader:
    """A Parquet file.

    Parameters
    ----------
    source
        The file.

    Raises
    ------
    IngestError
        If it is cut off or damaged, or has columns of a type that cannot be published.
    """

    null_texts: frozenset[str] = frozenset()
    keeps_empty: bool = False

    def __init__(self, source: Source) -> None:
        self.file = source.name
        self._source = source
        self.malformed = MalformedRows()
        self._n_read: int = 0
        try:
            with source.glance() as file, pq.ParquetFile(file) as opened:
                self._schema = opened.schema_arrow
                self._n_rows: int = opened.metadata.num_rows
                n_bytes = sum(
                    opened.metadata.row_group(group).total_byte_size for group in range(opened.metadata.num_row_groups)
                )
        except (pa.ArrowException, OSError) as error:
            raise IngestError(
                f"the Parquet file cannot be opened: {_first_line(error)}",
                file=source.name,
                hint="its footer is missing or damaged; it may be cut off",
            ) from error
        if source.max_bytes is not None and n_bytes > source.max_bytes:
            raise TooLargeError(
                f"{source.name} has {n_bytes} bytes when it is unpacked; at most {source.max_bytes} are accepted",
                hint="send fewer rows, or only the columns that the query needs",
            )
        self._step = batch_rows(n_bytes // max(1, self._n_rows))
        self._as_text = self._beyond_long()
        self.facts = described(self._schema, file=source.name, n_rows=self._n_rows, as_text=self._as_text)

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        # A buffer per column instead of whole column chunks: row groups may be as large as the file.
        with (
            self._source.open() as file,
            pq.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False) as opened,
        ):
            yield opened

    def row_number(self, index: int) -> int:
        """Return the row in the file, from 1, of a row of the batches."""
        return index + 1

    def fraction(self) -> float | None:
        """Tell how much has been read."""
        return self._n_read / max(1, self._n_rows)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows."""
        self._n_read = 0
        try:
            with self._opened() as opened:
                for batch in opened.iter_batches(batch_size=self._step, use_threads=False):
                    self._n_read += batch.num_rows
                    yield storable_batch(batch, self._as_text)
        except (pa.ArrowException, OSError) as error:
            raise IngestError(
                f"the Parquet file is damaged: {_first_line(error)}", file=self.file, row=self._n_read + 1
            ) from error

    def _beyond_long(self) -> frozenset[str]:
        """Look for whole decimals that do not fit an int64: such columns are published as text, to the last digit.

        A file tells how many digits there may be, often 38, not how many there are: the columns are read for it.
        """
        wide = [field.name for field in self._schema if is_whole(field.type) and field.type.precision > LONG_DIGITS]
        beyond: set[str] = set()
        if not wide:
            return frozenset()
        try:
            with self._opened() as opened:
                for batch in opened.iter_batches(batch_size=self._step, columns=wide, use_threads=False):
                    beyond.update(name for name in set(wide) - beyond if not fits_long(batch.column(name)))
        except (pa.ArrowException, OSError) as error:
            raise IngestError(f"the Parquet file is damaged: {_first_line(error)}", file=self.file) from error
        return frozenset(beyond)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
