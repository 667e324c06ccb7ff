"""The capabilities document: what the TAP service can do (VOSI 1.1, section 3.1; TAPRegExt 1.0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from vo_server.vo.xml import XSI, XmlWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ADQL",
    "Features",
    "Language",
    "Limit",
    "OutputFormatInfo",
    "TapDescription",
    "capabilities",
    "write_capabilities",
]

_ROOT: Final = {
    "xmlns:vosi": "http://www.ivoa.net/xml/VOSICapabilities/v1.0",
    "xmlns:vr": "http://www.ivoa.net/xml/VOResource/v1.0",
    "xmlns:vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "xmlns:tr": "http://www.ivoa.net/xml/TAPRegExt/v1.0",
    "xmlns:xsi": XSI,
}

_FEATURES_LOWER: Final = "ivo://ivoa.net/std/tapregext#"
_FEATURES_LEGACY: Final = "ivo://ivoa.net/std/TAPRegExt#"
_NEVER_LEGACY: Final = frozenset({"features-adql-conditional"})
"""Fragments that clients of the mixed-case spelling do not know at all and report as errors (taplint ``E_KEYX``)."""

_UPLOAD: Final = "ivo://ivoa.net/std/TAPRegExt#upload-"


class Features(Protocol):
    """A group of optional language features; ``adql.features.FeatureGroup`` is one."""

    @property
    def fragment(self) -> str:
        """Last part of the feature-type URI, e.g. ``features-adqlgeo``."""
        ...

    @property
    def features(self) -> Sequence[tuple[str, str | None]]:
        """Pairs (form, description)."""
        ...


class OutputFormatInfo(Protocol):
    """An output format; a row of ``formats.registry`` is one."""

    @property
    def mime(self) -> str:
        """Media type."""
        ...

    @property
    def all_aliases(self) -> Sequence[str]:
        """Other values of RESPONSEFORMAT with the same effect."""
        ...

    @property
    def ivo_id(self) -> str | None:
        """TAPRegExt key of the format, where it has one."""
        ...


@dataclass(frozen=True)
class Language:
    """A query language and its versions."""

    name: str
    """Stem of the values of LANG."""
    versions: tuple[tuple[str, str | None], ...]
    """Pairs (version, IVOID)."""
    description: str | None = None


ADQL: Final = Language(
    "ADQL",
    (("2.0", "ivo://ivoa.net/std/ADQL#v2.0"), ("2.1", "ivo://ivoa.net/std/ADQL#v2.1")),
    "Astronomical Data Query Language",
)


@dataclass(frozen=True)
class Limit:
    """A limit: what holds when the caller asks for nothing, and what no caller can pass."""

    default: int
    hard: int


@dataclass(frozen=True)
class TapDescription:
    """What the service says of itself; only what really works belongs in here."""

    base_url: str
    """URL that clients use, without a trailing slash."""
    features: Sequence[Features]
    """Optional features of the first language."""
    output_formats: Sequence[OutputFormatInfo]
    """The first one is the default."""
    title: str | None = None
    languages: tuple[Language, ...] = (ADQL,)
    upload_methods: tuple[str, ...] = ()
    """Any of ``inline``, ``http``, ``https``; inline and http belong together (TAP 1.1, section 2.7.6)."""
    retention_s: Limit | None = None
    """Time that a job is kept [s]."""
    duration_s: Limit | None = None
    """Time that a job may run [s]."""
    output_rows: Limit | None = None
    upload_bytes: Limit | None = None
    data_models: tuple[tuple[str, str], ...] = ()
    """Pairs (IVOID, name), e.g. of ObsCore."""
    has_examples: bool = False
    security_methods: tuple[str, ...] = ()
    """Ways to say who asks (SSO 2.0), beside saying nothing."""
    feature_uri_style: str = "lower"
    """``lower`` (ADQL 2.1, section 4.1) or ``legacy`` (mixed case, for clients from before 2023)."""


def capabilities(description: TapDescription) -> bytes:
    """Return the ``vosi:capabilities`` document: TAP itself, the VOSI resources and, where declared, the examples."""
    writer = XmlWriter()
    with writer.element("vosi:capabilities", _ROOT):
        write_capabilities(writer, description)
    return writer.to_bytes()


def write_capabilities(writer: XmlWriter, description: TapDescription) -> None:
    """Write the capabilities, here and in the record of the service; the prefixes of XML are bound outside."""
    base = description.base_url.rstrip("/")
    _write_tap(writer, description, base)
    _write_plain(writer, "ivo://ivoa.net/std/VOSI#capabilities", f"{base}/capabilities", "1.0")
    _write_plain(writer, "ivo://ivoa.net/std/VOSI#availability", f"{base}/availability", "1.0")
    with writer.element("capability", {"standardID": "ivo://ivoa.net/std/VOSI#tables-1.1"}):
        _write_interface(writer, f"{base}/tables", version="1.1", use="full", security=description.security_methods)
    if description.has_examples:
        with (
            writer.element("capability", {"standardID": "ivo://ivoa.net/std/DALI#examples"}),
            writer.element("interface", {"xsi:type": "vr:WebBrowser"}),
        ):
            writer.leaf("accessURL", f"{base}/examples", {"use": "full"})


def _write_tap(writer: XmlWriter, description: TapDescription, base: str) -> None:
    with writer.element("capability", {"standardID": "ivo://ivoa.net/std/TAP", "xsi:type": "tr:TableAccess"}):
        writer.optional("description", description.title)
        _write_interface(writer, base, version="1.1", use="base", security=description.security_methods)
        for ivo_id, name in description.data_models:
            writer.leaf("dataModel", name, {"ivo-id": ivo_id})
        for index, language in enumerate(description.languages):
            _write_language(writer, language, description if index == 0 else None)
        for one in description.output_formats:
            with writer.element("outputFormat", {"ivo-id": one.ivo_id}):
                writer.leaf("mime", one.mime)
                for alias in one.all_aliases:
                    writer.leaf("alias", alias)
        for method in description.upload_methods:
            writer.leaf("uploadMethod", None, {"ivo-id": f"{_UPLOAD}{method}"})
        _write_limit(writer, "retentionPeriod", description.retention_s)
        _write_limit(writer, "executionDuration", description.duration_s)
        _write_limit(writer, "outputLimit", description.output_rows, unit="row")
        _write_limit(writer, "uploadLimit", description.upload_bytes, unit="byte")


def _write_language(writer: XmlWriter, language: Language, described: TapDescription | None) -> None:
    with writer.element("language"):
        writer.leaf("name", language.name)
        for version, ivo_id in language.versions:
            writer.leaf("version", version, {"ivo-id": ivo_id})
        writer.optional("description", language.description)
        for group in described.features if described is not None else ():
            if not group.features:
                continue
            assert described is not None
            uri = _feature_uri(group.fragment, described.feature_uri_style)
            with writer.element("languageFeatures", {"type": uri}):
                for form, text in group.features:
                    with writer.element("feature"):
                        writer.leaf("form", form)
                        writer.optional("description", text)


def _feature_uri(fragment: str, style: str) -> str:
    is_legacy = style == "legacy" and fragment not in _NEVER_LEGACY
    return (_FEATURES_LEGACY if is_legacy else _FEATURES_LOWER) + fragment


def _write_limit(writer: XmlWriter, name: str, limit: Limit | None, unit: str | None = None) -> None:
    if limit is None:
        return
    with writer.element(name):
        writer.leaf("default", str(limit.default), {"unit": unit})
        writer.leaf("hard", str(limit.hard), {"unit": unit})


def _write_plain(writer: XmlWriter, standard_id: str, url: str, version: str) -> None:
    with writer.element("capability", {"standardID": standard_id}):
        _write_interface(writer, url, version=version, use="full")


def _write_interface(writer: XmlWriter, url: str, *, version: str, use: str, security: Sequence[str] = ()) -> None:
    with writer.element("interface", {"xsi:type": "vs:ParamHTTP", "role": "std", "version": version}):
        writer.leaf("accessURL", url, {"use": use})
        if security:
            writer.leaf("securityMethod")  # An empty one stands for anonymous callers (SSO 2.0, section 2).
        for method in security:
            writer.leaf("securityMethod", None, {"standardID": method})
