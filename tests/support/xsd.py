"""Judge XML by its schema, and VOTables by votlint: STILTS has all the XSDs inside and needs no network.

Exit codes say nothing here (votlint ends with 0 whatever it found), so the output is read. ``xsdvalidate`` knows all
schemas but VOTable's; votlint has that one. Starting a virtual machine takes most of the time, so all documents of a
test are wrapped into one and judged by one run.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_WRAPPER: Final = """\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="documents"><xs:complexType><xs:sequence>
    <xs:any namespace="##other" processContents="strict" minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>
"""
_DECLARATION: Final = re.compile(rb"^<\?xml[^>]*\?>\s*")
_FINDING: Final = re.compile(r"^(?:ERROR|WARNING|FATAL|INFO)\b.*?(?:\(l\.(?P<line>\d+).*?\))?: (?P<text>.*)$")


def xsd_findings(stilts: str, documents: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Return what the schemas have against each document; names of valid documents are left out."""
    with tempfile.TemporaryDirectory() as folder:
        schema = Path(folder, "wrapper.xsd")
        schema.write_text(_WRAPPER)
        root = (
            '<documents xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:noNamespaceSchemaLocation="{schema.as_uri()}">\n'
        )
        text, owners = root.encode(), ["wrapper"]
        for name, document in documents.items():
            body = _DECLARATION.sub(b"", document).rstrip(b"\n") + b"\n"
            text += body
            owners += [name] * body.count(b"\n")
        path = Path(folder, "documents.xml")
        path.write_bytes(text + b"</documents>\n")
        lines = _run(stilts, "xsdvalidate", "uselocals=true", f"doc={path}")
    found: dict[str, list[str]] = {}
    for line in lines:
        match = _FINDING.match(line)
        if match is None:
            assert line == "Error: Validation failed", line
            continue
        number = int(match["line"] or 1)
        owner = owners[number - 1] if number <= len(owners) else "wrapper"
        found.setdefault(owner, []).append(match["text"])
    return found


def assert_valid(stilts: str, documents: Mapping[str, bytes]) -> None:
    """Fail with what the schemas have against the documents (not for VOTables)."""
    assert documents
    assert xsd_findings(stilts, documents) == {}


def votlint(stilts: str, document: bytes) -> list[str]:
    """Return all lines that votlint prints about a VOTable: schema, structure, cells, UCDs and units."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "document.vot")
        path.write_bytes(document)
        return _run(stilts, "votlint", "ucd=true", "unit=true", f"votable={path}")


def _run(stilts: str, *arguments: str) -> list[str]:
    done = subprocess.run([stilts, *arguments], capture_output=True, text=True, timeout=600, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if line.strip() and not line.startswith("Picked up ")]
