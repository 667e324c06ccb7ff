"""Arrow IPC stream writer: the batches as they are, for programs that use Arrow.

The schema comes first, when nobody knows how the rows will end. So a stream that is cut or breaks off ends with a
batch of no rows whose metadata says so (``QUERY_STATUS`` and more); after an error half a message follows, because a
reader takes the end of a file between two messages for the end of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pyarrow as pa

from vo_server.errors import VoError
from vo_server.formats.described import described_field, table_metadata
from vo_server.formats.names import uniquely_named
from vo_server.formats.outcome import Outcome, plain_error
from vo_server.formats.slices import slices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.model.query import QueryResult

__all__ = ["ArrowWriter"]

_END: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""End of a stream: the marker of a message, and its length."""

_BROKEN_MESSAGE: Final = b"\xff\xff\xff\xff\x40\x00\x00\x00"
"""The same of a message that does not come (Arrow columnar format, "Encapsulated message format")."""


class ArrowWriter:
    """Rows as Arrow record batches: every value exactly as the service has it, with nothing to be parsed."""

    mime: ClassVar[str] = "application/vnd.apache.arrow.stream"
    extension: ClassVar[str] = "arrows"
    is_text: ClassVar[bool] = False

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the schema with its metadata, then the batches."""
        columns = uniquely_named(result.columns)
        told = Outcome.of(result)
        fields = [described_field(column, column.datatype.arrow) for column in columns]
        schema = pa.schema(fields, metadata=table_metadata(columns, result, told))
        yield schema.serialize().to_pybytes()
        try:
            for batch in slices(result.batches):
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema).serialize().to_pybytes()
        except VoError as error:
            yield _last_words(schema, Outcome.of_error(error)) + _BROKEN_MESSAGE
            raise
        outcome = Outcome.of(result)
        yield _END if outcome == told else _last_words(schema, outcome) + _END

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return the message as plain text."""
        return plain_error(error, query)


def _last_words(schema: pa.Schema, outcome: Outcome) -> bytes:
    """Return the message of a batch without rows that tells how the result ended."""
    no_rows = pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, schema) as writer:
        writer.write_batch(no_rows, custom_metadata=outcome.facts)
    # Only a whole stream can be had with such metadata; its first and its last message are not wanted.
    whole: bytes = stream.getvalue().to_pybytes()
    return whole[schema.serialize().size : -len(_END)]
