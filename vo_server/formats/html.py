"""HTML writer: a page with a table, for people; programs have better formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pyarrow as pa

from vo_server.errors import VoError
from vo_server.formats.losses import MarkupLosses
from vo_server.formats.markup import escaped
from vo_server.formats.outcome import Outcome
from vo_server.formats.slices import TEXT_BYTES, slices
from vo_server.formats.text import cell_text, join_rows
from vo_server.vo.votable import Status
from vo_server.vo.xml import escape_attribute, escape_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.model.provenance import Link
    from vo_server.model.query import Note, QueryResult
    from vo_server.model.table import Column

__all__ = ["HtmlWriter"]

_STYLE: Final = (
    "body{font-family:sans-serif;margin:1em}table{border-collapse:collapse}"
    "th,td{border:1px solid #bbb;padding:.2em .5em;text-align:left;vertical-align:top}"
    "thead th{position:sticky;top:0;background:#eee}th small{display:block;font-weight:normal}"
    "td{white-space:pre-wrap}dt{font-weight:bold}.problem{border:2px solid #a00;padding:.5em}"
)
_OPEN: Final = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width">\n'
    f"<title>Query result</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Query result</h1>\n"
)
_CLOSE: Final = "</body>\n</html>\n"


class HtmlWriter:
    """Rows as a table of HTML with the metadata of each column in its head."""

    mime: ClassVar[str] = "text/html"
    extension: ClassVar[str] = "html"
    is_text: ClassVar[bool] = True

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the page; browsers show the rows as they come."""
        told = Outcome.of(result)
        yield _head(result, told)
        losses = MarkupLosses(result.columns, fills_null_arrays=False)
        n_rows = 0
        try:
            for batch in slices(result.batches, piece_bytes=TEXT_BYTES):
                losses.see(batch)
                cells = [_cells(one, column) for one, column in zip(batch.columns, result.columns, strict=True)]
                yield join_rows(cells, before="<tr><td>", between="</td><td>", after="</td></tr>\n")
                n_rows += batch.num_rows
        except VoError as error:
            yield _tail(n_rows, Outcome.of_error(error), losses.told)
            raise
        outcome = Outcome.of(result)
        yield _tail(n_rows, outcome if outcome != told else None, losses.told)

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return a page with the message."""
        asked = "" if query is None else f"<pre>{escape_text(query)}</pre>\n"
        return f"{_OPEN}{_problem(Outcome.of_error(error))}{asked}{_CLOSE}".encode()


def _head(result: QueryResult, told: Outcome) -> bytes:
    about = "".join([*(_about(note) for note in result.notes), *(_link(link) for link in result.links)])
    pieces = [
        _OPEN,
        f"<details>\n<summary>About this result</summary>\n<dl>\n{about}</dl>\n</details>\n" if about else "",
        _problem(told),
        "<table>\n<caption>Rows of the result</caption>\n<thead>\n<tr>",
        *(_column_head(column) for column in result.columns),
        "</tr>\n</thead>\n<tbody>\n",
    ]
    return "".join(pieces).encode()


def _tail(n_rows: int, outcome: Outcome | None, lost: list[str]) -> bytes:
    told = "" if outcome is None else _problem(outcome)
    told += "".join(f"<p>{escape_text(one)}</p>\n" for one in lost)
    count = f"<p>{n_rows} row{'' if n_rows == 1 else 's'}</p>\n"
    return f"</tbody>\n</table>\n{count}{told}{_CLOSE}".encode()


def _problem(outcome: Outcome) -> str:
    if outcome.status is Status.OK:
        return ""
    return f'<p class="problem" role="alert">{outcome.status}: {escape_text(outcome.message)}</p>\n'


def _about(note: Note) -> str:
    text = f" ({note.text})" if note.text else ""
    return f"<dt>{escape_text(note.name)}</dt><dd>{escape_text(note.value + text)}</dd>\n"


def _link(link: Link) -> str:
    text = escape_text(link.title or link.href)
    # Nothing but addresses: a link from a description must not run a script.
    if not link.href.lower().startswith(("http://", "https://")):
        return f"<dt>Link</dt><dd>{text}</dd>\n"
    return f'<dt>Link</dt><dd><a href="{escape_attribute(link.href)}">{text}</a></dd>\n'


def _column_head(column: Column) -> str:
    ucd = f' title="{escape_attribute(column.ucd)}"' if column.ucd else ""
    unit = f"<small>[{escape_text(column.unit)}]</small>" if column.unit else ""
    text = f"<small>{escape_text(column.description)}</small>" if column.description else ""
    return f'<th scope="col"{ucd}>{escape_text(column.name)}{unit}{text}</th>'


def _cells(cells: pa.Array, column: Column) -> pa.Array:
    text = cell_text(cells, column)
    return escaped(text) if column.datatype.is_string else text
