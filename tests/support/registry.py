"""Judge records of the registry and answers of OAI-PMH by schemas.

STILTS has the schemas of VOResource, VODataService and TAPRegExt. Those of RegistryInterface, VORegistry, ConeSearch
(SimpleDALRegExt) and OAI-PMH are not to be had without a network: what stands here says what these standards demand,
written after them, and is not the published text.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["registry_findings"]

_HEAD: Final = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:vr="http://www.ivoa.net/xml/VOResource/v1.0"'
)
_IMPORT_VR: Final = '<xs:import namespace="http://www.ivoa.net/xml/VOResource/v1.0"/>'

_SCHEMAS: Final = {
    "ri.xsd": f"""{_HEAD} targetNamespace="http://www.ivoa.net/xml/RegistryInterface/v1.0">
{_IMPORT_VR}
<xs:element name="Resource" type="vr:Resource"/>
</xs:schema>""",
    "vg.xsd": f"""{_HEAD} xmlns:vg="http://www.ivoa.net/xml/VORegistry/v1.0"
  targetNamespace="http://www.ivoa.net/xml/VORegistry/v1.0">
{_IMPORT_VR}
<xs:complexType name="Authority"><xs:complexContent><xs:extension base="vr:Resource"><xs:sequence>
  <xs:element name="managingOrg" type="vr:ResourceName" maxOccurs="unbounded"/>
</xs:sequence></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name="Registry"><xs:complexContent><xs:extension base="vr:Service"><xs:sequence>
  <xs:element name="full" type="xs:boolean"/>
  <xs:element name="managedAuthority" minOccurs="0" maxOccurs="unbounded"><xs:simpleType>
    <xs:restriction base="xs:token"><xs:pattern value="[\\w\\d][\\w\\d\\-_\\.!~\\*'\\(\\)\\+=]{{2,}}"/></xs:restriction>
  </xs:simpleType></xs:element>
</xs:sequence></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name="Harvest"><xs:complexContent><xs:extension base="vr:Capability"><xs:sequence>
  <xs:element name="maxRecords" type="xs:int"/>
</xs:sequence></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name="OAIHTTP"><xs:complexContent><xs:extension base="vr:Interface"><xs:sequence/></xs:extension>
</xs:complexContent></xs:complexType>
</xs:schema>""",
    "cs.xsd": f"""{_HEAD} xmlns:cs="http://www.ivoa.net/xml/ConeSearch/v1.0"
  targetNamespace="http://www.ivoa.net/xml/ConeSearch/v1.0">
{_IMPORT_VR}
<xs:complexType name="ConeSearch"><xs:complexContent><xs:extension base="vr:Capability"><xs:sequence>
  <xs:element name="maxSR" type="xs:float" minOccurs="0"/>
  <xs:element name="maxRecords" type="xs:positiveInteger" minOccurs="0"/>
  <xs:element name="verbosity" type="xs:boolean"/>
  <xs:element name="testQuery" minOccurs="0"><xs:complexType><xs:sequence>
    <xs:element name="ra" type="xs:double"/><xs:element name="dec" type="xs:double"/>
    <xs:element name="sr" type="xs:double"/><xs:element name="verb" type="xs:positiveInteger" minOccurs="0"/>
    <xs:element name="catalog" type="xs:string" minOccurs="0"/>
    <xs:element name="extras" type="xs:string" minOccurs="0"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:sequence></xs:extension></xs:complexContent></xs:complexType>
</xs:schema>""",
    "dc.xsd": """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified"
  targetNamespace="http://purl.org/dc/elements/1.1/">
<xs:element name="title" type="xs:string"/><xs:element name="creator" type="xs:string"/>
<xs:element name="subject" type="xs:string"/><xs:element name="description" type="xs:string"/>
<xs:element name="publisher" type="xs:string"/><xs:element name="contributor" type="xs:string"/>
<xs:element name="date" type="xs:string"/><xs:element name="type" type="xs:string"/>
<xs:element name="format" type="xs:string"/><xs:element name="identifier" type="xs:string"/>
<xs:element name="source" type="xs:string"/><xs:element name="language" type="xs:string"/>
<xs:element name="relation" type="xs:string"/><xs:element name="coverage" type="xs:string"/>
<xs:element name="rights" type="xs:string"/>
</xs:schema>""",
    "oai_dc.xsd": """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
  targetNamespace="http://www.openarchives.org/OAI/2.0/oai_dc/" elementFormDefault="qualified">
<xs:import namespace="http://purl.org/dc/elements/1.1/" schemaLocation="dc.xsd"/>
<xs:element name="dc"><xs:complexType><xs:choice minOccurs="0" maxOccurs="unbounded">
  <xs:any namespace="http://purl.org/dc/elements/1.1/" processContents="strict"/>
</xs:choice></xs:complexType></xs:element>
</xs:schema>""",
    "oai.xsd": """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:o="http://www.openarchives.org/OAI/2.0/"
  targetNamespace="http://www.openarchives.org/OAI/2.0/" elementFormDefault="qualified">
<xs:simpleType name="time"><xs:restriction base="xs:string">
  <xs:pattern value="\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ"/></xs:restriction></xs:simpleType>
<xs:simpleType name="verb"><xs:restriction base="xs:string">
  <xs:enumeration value="Identify"/><xs:enumeration value="ListMetadataFormats"/><xs:enumeration value="ListSets"/>
  <xs:enumeration value="GetRecord"/><xs:enumeration value="ListIdentifiers"/><xs:enumeration value="ListRecords"/>
</xs:restriction></xs:simpleType>
<xs:simpleType name="code"><xs:restriction base="xs:string">
  <xs:enumeration value="cannotDisseminateFormat"/><xs:enumeration value="idDoesNotExist"/>
  <xs:enumeration value="badArgument"/><xs:enumeration value="badVerb"/><xs:enumeration value="noMetadataFormats"/>
  <xs:enumeration value="noRecordsMatch"/><xs:enumeration value="badResumptionToken"/>
  <xs:enumeration value="noSetHierarchy"/></xs:restriction></xs:simpleType>
<xs:complexType name="inside"><xs:sequence><xs:any namespace="##other" processContents="strict"/></xs:sequence>
</xs:complexType>
<xs:complexType name="header"><xs:sequence>
  <xs:element name="identifier" type="xs:anyURI"/><xs:element name="datestamp" type="o:time"/>
  <xs:element name="setSpec" type="xs:string" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
  <xs:attribute name="status"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="deleted"/>
  </xs:restriction></xs:simpleType></xs:attribute></xs:complexType>
<xs:complexType name="record"><xs:sequence><xs:element name="header" type="o:header"/>
  <xs:element name="metadata" type="o:inside" minOccurs="0"/></xs:sequence></xs:complexType>
<xs:complexType name="token"><xs:simpleContent><xs:extension base="xs:string">
  <xs:attribute name="completeListSize" type="xs:positiveInteger"/>
  <xs:attribute name="cursor" type="xs:nonNegativeInteger"/></xs:extension></xs:simpleContent></xs:complexType>
<xs:element name="OAI-PMH"><xs:complexType><xs:sequence>
  <xs:element name="responseDate" type="xs:dateTime"/>
  <xs:element name="request"><xs:complexType><xs:simpleContent><xs:extension base="xs:anyURI">
    <xs:attribute name="verb" type="o:verb"/><xs:attribute name="identifier" type="xs:anyURI"/>
    <xs:attribute name="metadataPrefix" type="xs:string"/><xs:attribute name="from" type="xs:string"/>
    <xs:attribute name="until" type="xs:string"/><xs:attribute name="set" type="xs:string"/>
    <xs:attribute name="resumptionToken" type="xs:string"/>
  </xs:extension></xs:simpleContent></xs:complexType></xs:element>
  <xs:choice>
    <xs:element name="error" maxOccurs="unbounded"><xs:complexType><xs:simpleContent><xs:extension base="xs:string">
      <xs:attribute name="code" type="o:code" use="required"/>
    </xs:extension></xs:simpleContent></xs:complexType></xs:element>
    <xs:element name="Identify"><xs:complexType><xs:sequence>
      <xs:element name="repositoryName" type="xs:string"/><xs:element name="baseURL" type="xs:anyURI"/>
      <xs:element name="protocolVersion" type="xs:string" fixed="2.0"/>
      <xs:element name="adminEmail" type="xs:string" maxOccurs="unbounded"/>
      <xs:element name="earliestDatestamp" type="o:time"/><xs:element name="deletedRecord" type="xs:string"/>
      <xs:element name="granularity" type="xs:string"/>
      <xs:element name="description" type="o:inside" minOccurs="0" maxOccurs="unbounded"/>
      </xs:sequence></xs:complexType></xs:element>
    <xs:element name="ListMetadataFormats"><xs:complexType><xs:sequence>
      <xs:element name="metadataFormat" maxOccurs="unbounded"><xs:complexType><xs:sequence>
        <xs:element name="metadataPrefix" type="xs:string"/><xs:element name="schema" type="xs:anyURI"/>
        <xs:element name="metadataNamespace" type="xs:anyURI"/></xs:sequence></xs:complexType></xs:element>
      </xs:sequence></xs:complexType></xs:element>
    <xs:element name="ListSets"><xs:complexType><xs:sequence>
      <xs:element name="set" maxOccurs="unbounded"><xs:complexType><xs:sequence>
        <xs:element name="setSpec" type="xs:string"/><xs:element name="setName" type="xs:string"/>
        </xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
    <xs:element name="GetRecord"><xs:complexType><xs:sequence><xs:element name="record" type="o:record"/>
      </xs:sequence></xs:complexType></xs:element>
    <xs:element name="ListRecords"><xs:complexType><xs:sequence>
      <xs:element name="record" type="o:record" maxOccurs="unbounded"/>
      <xs:element name="resumptionToken" type="o:token" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="ListIdentifiers"><xs:complexType><xs:sequence>
      <xs:element name="header" type="o:header" maxOccurs="unbounded"/>
      <xs:element name="resumptionToken" type="o:token" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
  </xs:choice></xs:sequence></xs:complexType></xs:element>
</xs:schema>""",
}

_WRAPPER: Final = """\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:import namespace="http://www.ivoa.net/xml/RegistryInterface/v1.0" schemaLocation="ri.xsd"/>
  <xs:import namespace="http://www.ivoa.net/xml/VORegistry/v1.0" schemaLocation="vg.xsd"/>
  <xs:import namespace="http://www.ivoa.net/xml/ConeSearch/v1.0" schemaLocation="cs.xsd"/>
  <xs:import namespace="http://www.openarchives.org/OAI/2.0/" schemaLocation="oai.xsd"/>
  <xs:import namespace="http://www.openarchives.org/OAI/2.0/oai_dc/" schemaLocation="oai_dc.xsd"/>
  <xs:element name="documents"><xs:complexType><xs:sequence>
    <xs:any namespace="##other" processContents="strict" minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>
"""
_DECLARATION: Final = re.compile(rb"^<\?xml[^>]*\?>\s*")
_LOCATION: Final = re.compile(rb' xsi:schemaLocation="[^"]*"')
"""It names the places of the published schemas, which are not to be fetched."""


def registry_findings(stilts: str, *documents: bytes) -> list[str]:
    """Return what the schemas have against documents; nothing for valid ones."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**_SCHEMAS, "wrapper.xsd": _WRAPPER}.items():
            Path(folder, name).write_text(text)
        wrapper = Path(folder, "wrapper.xsd").as_uri()
        root = (
            '<documents xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:noNamespaceSchemaLocation="{wrapper}">\n'
        )
        inside = b"".join(_LOCATION.sub(b"", _DECLARATION.sub(b"", one)) for one in documents)
        path = Path(folder, "documents.xml")
        path.write_bytes(root.encode() + inside + b"</documents>\n")
        done = subprocess.run(
            [stilts, "xsdvalidate", "uselocals=true", f"doc={path}"],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if line.strip() and not line.startswith("Picked up ")]
