"""OAI-PMH 2.0: the answers to those who harvest the records of the registry."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from vo_server.store.tables import utc_now
from vo_server.vo.oaipmh import FORMATS, SET, OaiWriter
from vo_server.vo.uws import utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vo_server.services.registry import Record, RegistryService

__all__ = ["HarvestService"]

_ARGUMENTS: Final = {
    "Identify": (frozenset[str](), frozenset[str]()),
    "ListMetadataFormats": (frozenset[str](), frozenset({"identifier"})),
    "ListSets": (frozenset[str](), frozenset({"resumptionToken"})),
    "GetRecord": (frozenset({"identifier", "metadataPrefix"}), frozenset[str]()),
    "ListIdentifiers": (frozenset({"metadataPrefix"}), frozenset({"from", "until", "set", "resumptionToken"})),
    "ListRecords": (frozenset({"metadataPrefix"}), frozenset({"from", "until", "set", "resumptionToken"})),
}
"""Arguments that each verb needs, and those that it may have; a resumption token stands for all others."""

_NAMES: Final = {name.upper(): name for needed, allowed in _ARGUMENTS.values() for name in ("verb", *needed, *allowed)}
"""Names of arguments as the protocol writes them, by themselves in upper case."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SECOND: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class _OaiError(Exception):
    """A request that cannot be answered."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class _Selection:
    """Which records are listed, and where the next part of the list begins."""

    prefix: str
    since: datetime | None = None
    until: datetime | None = None
    after: tuple[datetime, str] | None = None
    """Time and identifier of the last record of the part before: it stays in its place when others change."""
    cursor: int = 0
    """Records in the parts before."""

    def has(self, record: Record) -> bool:
        """Tell whether a record is in the whole list."""
        updated = record.state.updated
        return (self.since is None or updated >= self.since) and (self.until is None or updated <= self.until)

    def token(self) -> str:
        """Write it as a resumption token."""
        assert self.after is not None
        plain = [
            self.prefix,
            None if self.since is None else utc_text(self.since),
            None if self.until is None else utc_text(self.until),
            utc_text(self.after[0]),
            self.after[1],
            self.cursor,
        ]
        return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")

    @classmethod
    def of_token(cls, token: str) -> _Selection:
        """Read a resumption token.

        Raises
        ------
        ValueError
            If it is none of this service.
        """
        padded = token + "=" * (-len(token) % 4)
        prefix, since, until, updated, identifier, cursor = json.loads(base64.b64decode(padded, b"-_", validate=True))
        if prefix not in FORMATS or not isinstance(identifier, str) or not isinstance(cursor, int):
            raise ValueError("not a token")
        after = (_time(updated), identifier)
        return cls(prefix, since and _time(since), until and _time(until), after, cursor)


def _time(text: str) -> datetime:
    """Read a time as :meth:`_Selection.token` writes it."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return found


class HarvestService:
    """Answers requests of OAI-PMH.

    Parameters
    ----------
    registry
        Makes the records.
    """

    def __init__(self, *, registry: RegistryService) -> None:
        self._registry = registry
        self._verbs: dict[str, Callable[[OaiWriter, Mapping[str, str]], bytes]] = {
            "Identify": self._identify,
            "ListMetadataFormats": self._list_formats,
            "ListSets": self._list_sets,
            "GetRecord": self._get_record,
            "ListIdentifiers": self._list_identifiers,
            "ListRecords": self._list_records,
        }

    def answer(self, parameters: Iterable[tuple[str, str]]) -> bytes:
        """Return the document that answers a request; what is wrong with one is told in the document, too.

        Parameters
        ----------
        parameters
            (name, value) in the order they were given; names count without case, as everywhere here.
        """
        pairs = [(_NAMES.get(name.upper(), name), value) for name, value in parameters]
        given = dict(pairs)
        writer = OaiWriter(self._registry.url, given, utc_now().replace(microsecond=0))
        try:
            verb = _checked(pairs, given)
            return self._verbs[verb](writer, given)
        except _OaiError as error:
            told = {} if error.code in {"badVerb", "badArgument"} else given
            return OaiWriter(self._registry.url, told, utc_now().replace(microsecond=0)).error(error.code, str(error))

    def _identify(self, writer: OaiWriter, given: Mapping[str, str]) -> bytes:
        records = self._registry.records()
        own = next(one for one in records if one.identifier == self._registry.publisher.registry_ivoid)
        with writer.answer(given["verb"]) as xml:
            xml.leaf("repositoryName", self._registry.publisher.title)
            xml.leaf("baseURL", self._registry.url)
            xml.leaf("protocolVersion", "2.0")
            xml.leaf("adminEmail", self._registry.publisher.contact_email)
            xml.leaf("earliestDatestamp", utc_text(records[0].state.updated))
            xml.leaf("deletedRecord", "persistent")
            xml.leaf("granularity", "YYYY-MM-DDThh:mm:ssZ")
            with xml.element("description"):
                own.write(xml)
        return xml.to_bytes()

    def _list_formats(self, writer: OaiWriter, given: Mapping[str, str]) -> bytes:
        if "identifier" in given and self._find(given["identifier"]).head is None:
            raise _OaiError("noMetadataFormats", f"the record {given['identifier'][:200]} was deleted")
        with writer.answer(given["verb"]) as xml:
            for prefix, (schema, namespace) in FORMATS.items():
                with xml.element("metadataFormat"):
                    xml.leaf("metadataPrefix", prefix)
                    xml.leaf("schema", schema)
                    xml.leaf("metadataNamespace", namespace)
        return xml.to_bytes()

    def _list_sets(self, writer: OaiWriter, given: Mapping[str, str]) -> bytes:
        if "resumptionToken" in given:
            raise _OaiError("badResumptionToken", "the list of sets has one part only")
        with writer.answer(given["verb"]) as xml, xml.element("set"):
            xml.leaf("setSpec", SET)
            xml.leaf("setName", "Records of this registry's own authority")
        return xml.to_bytes()

    def _get_record(self, writer: OaiWriter, given: Mapping[str, str]) -> bytes:
        _check_prefix(given["metadataPrefix"])
        record = self._find(given["identifier"])
        with writer.answer(given["verb"]) as xml:
            _write_record(writer, record, given["metadataPrefix"])
        return xml.to_bytes()

    def _list_identifiers(self, writer: OaiWriter, given: Mapping[str, str]) -> bytes:
        def write(record: Record, _: str) -> None:
            writer.header(record.identifier, record.state.updated, is_deleted=record.head is None)

        return self._list(writer, given, write)

    def _list_records(self, writer: OaiWriter, given: Mapping[str, str]) -> bytes:
        return self._list(writer, given, lambda record, prefix: _write_record(writer, record, prefix))

    def _list(self, writer: OaiWriter, given: Mapping[str, str], write: Callable[[Record, str], None]) -> bytes:
        """Write one part of a list, and how to get the next one."""
        asked = _selection(given)
        whole = [record for record in self._registry.records() if asked.has(record)]
        rest = [record for record in whole if asked.after is None or _place(record) > asked.after]
        part = rest[: self._registry.page_records]
        if not part:
            if asked.after is not None:
                raise _OaiError("badResumptionToken", "there are no records any more behind those of the part before")
            raise _OaiError("noRecordsMatch", "no record was changed in that time")
        with writer.answer(given["verb"]) as xml:
            for record in part:
                write(record, asked.prefix)
            if len(part) < len(rest):
                following = replace(asked, after=_place(part[-1]), cursor=asked.cursor + len(part))
                writer.resumption(following.token(), size=len(whole), cursor=asked.cursor)
            elif asked.after is not None:
                writer.resumption("", size=len(whole), cursor=asked.cursor)
        return xml.to_bytes()

    def _find(self, identifier: str) -> Record:
        """Return a record; identifiers of the IVOA count without case (Identifiers 2.0, section 2.1)."""
        for record in self._registry.records():
            if record.identifier == identifier.lower():
                return record
        raise _OaiError("idDoesNotExist", f"there is no record {identifier[:200]}")


def _place(record: Record) -> tuple[datetime, str]:
    return record.state.updated, record.identifier


def _write_record(writer: OaiWriter, record: Record, prefix: str) -> None:
    if record.head is None:
        writer.record(record.identifier, record.state.updated, None)
        return
    write = record.write if prefix == "ivo_vor" else record.write_dublin_core
    writer.record(record.identifier, record.state.updated, write)


def _checked(pairs: Sequence[tuple[str, str]], given: Mapping[str, str]) -> str:
    """Return the verb of a request whose arguments are those that it has."""
    verbs = [value for name, value in pairs if name == "verb"]
    if len(verbs) != 1 or verbs[0] not in _ARGUMENTS:
        told = "no verb is given" if not verbs else f"verb={', '.join(verbs)[:100]} is given"
        raise _OaiError("badVerb", f"{told}; expected one of {', '.join(_ARGUMENTS)}")
    needed, allowed = _ARGUMENTS[verbs[0]]
    names = [name for name, _ in pairs if name != "verb"]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise _OaiError("badArgument", f"{repeated[0][:100]} is given more than once")
    unknown = [name for name in names if name not in needed | allowed]
    if unknown:
        raise _OaiError("badArgument", f"{verbs[0]} has no argument {unknown[0][:100]}")
    if "resumptionToken" in given:
        if len(names) > 1:
            raise _OaiError("badArgument", "a resumptionToken stands alone")
        return verbs[0]
    missing = [name for name in sorted(needed) if name not in given]
    if missing:
        raise _OaiError("badArgument", f"{verbs[0]} needs the argument {missing[0]}")
    return verbs[0]


def _check_prefix(prefix: str) -> None:
    if prefix not in FORMATS:
        raise _OaiError(
            "cannotDisseminateFormat", f"there are no records in {prefix[:100]}; expected one of {', '.join(FORMATS)}"
        )


def _selection(given: Mapping[str, str]) -> _Selection:
    token = given.get("resumptionToken")
    if token is not None:
        try:
            return _Selection.of_token(token)
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise _OaiError("badResumptionToken", "the resumptionToken is none of this service") from None
    since, until = given.get("from"), given.get("until")
    if since is not None and until is not None and len(since) != len(until):
        raise _OaiError("badArgument", "from and until must both be days, or both be seconds")
    asked = _Selection(given["metadataPrefix"], _moment("from", since), _moment("until", until))
    if until is not None and _DAY.fullmatch(until):
        assert asked.until is not None
        asked = replace(asked, until=asked.until + timedelta(days=1, seconds=-1))
    if asked.since is not None and asked.until is not None and asked.since > asked.until:
        raise _OaiError("badArgument", f"from={since} is after until={until}")
    _check_prefix(asked.prefix)
    if given.get("set", SET) != SET:
        raise _OaiError("noRecordsMatch", f"there is no set {given['set'][:100]}; the only one is {SET}")
    return asked


def _moment(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    if _DAY.fullmatch(text) or _SECOND.fullmatch(text):
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            pass
    raise _OaiError("badArgument", f"{name}={text[:100]} is no time; expected e.g. 2026-03-31 or 2026-03-31T12:00:00Z")
