"""What of the WSDLs is read: all that is called, and all that its messages may hold."""

import ast
import re
from pathlib import Path

import pytest

from falconeye.onvif import excerpt as module
from falconeye.onvif.definitions import WSDL, Reply, Service, shared_definitions
from falconeye.onvif.excerpt import OPERATIONS, excerpt

_PROFILES = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
 xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:tt="http://www.onvif.org/ver10/schema"
 xmlns:trt="http://www.onvif.org/ver10/media/wsdl"><s:Body><trt:GetProfilesResponse>
<trt:Profiles token="t" fixed="true"><tt:Name>n</tt:Name>
<tt:VideoSourceConfiguration token="v" i:type="tt:VideoSourceConfiguration"><tt:Name>v</tt:Name>
<tt:UseCount>1</tt:UseCount><tt:SourceToken>lens</tt:SourceToken>
<tt:Bounds x="0" y="0" width="640" height="360"/></tt:VideoSourceConfiguration></trt:Profiles>
</trt:GetProfilesResponse></s:Body></s:Envelope>"""


def test_the_operations_that_are_called_are_those_that_are_read() -> None:
    """Whatever string in the package names an operation of the WSDLs is taken for a call."""
    known = {
        name
        for path in WSDL.glob("*.wsdl")
        for name in re.findall(r'operation name="(\w+)"', path.read_text(encoding="utf-8"))
    }
    named = {
        node.value
        for path in Path(module.__file__).parent.glob("*.py")
        if path.name != "excerpt.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert known & named == OPERATIONS


def test_types_that_extend_the_declared_one_are_read() -> None:
    """A camera may send them in its place; what nothing asks for is left out."""
    files = {
        "a.wsdl": b'<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/"'
        b' xmlns:x="http://www.w3.org/2001/XMLSchema"><w:types><x:schema>'
        b'<x:element name="Stop"><x:complexType><x:sequence><x:element name="y" type="t:Base"/>'
        b"</x:sequence></x:complexType></x:element></x:schema></w:types>"
        b'<w:message name="StopRequest"><w:part name="p" element="a:Stop"/></w:message>'
        b'<w:message name="ShutRequest"><w:part name="p" element="a:Shut"/></w:message>'
        b'<w:portType name="P"><w:operation name="Stop"><w:input message="a:StopRequest"/>'
        b'</w:operation><w:operation name="Shut"/></w:portType></w:definitions>',
        "t.xsd": b'<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema">'
        b'<x:complexType name="Base"/><x:complexType name="More"><x:complexContent>'
        b'<x:extension base="t:Base"><x:attribute name="a" type="t:Kind"/></x:extension>'
        b'</x:complexContent></x:complexType><x:simpleType name="Kind"/>'
        b'<x:complexType name="Other"><x:attribute name="a" type="t:Base"/></x:complexType>'
        b"</x:schema>",
    }
    read = {name: content.decode() for name, content in excerpt(files).items()}
    assert set(re.findall(r'name="(\w{4,})"', read["t.xsd"])) == {"Base", "More", "Kind"}
    assert "Shut" not in read["a.wsdl"]
    assert "StopRequest" in read["a.wsdl"]


def test_an_answer_that_names_its_types_is_read() -> None:
    reply = Reply(200, {"content-type": "application/soap+xml"}, _PROFILES.encode())
    (profile,) = shared_definitions().decode(Service.MEDIA, "GetProfiles", reply)
    assert profile.VideoSourceConfiguration.Bounds.width == 640


@pytest.mark.parametrize("name", ["b-2.xsd", "onvif.xsd"])
def test_most_of_what_is_there_is_left_out(name: str) -> None:
    files = {path.name: path.read_bytes() for path in WSDL.iterdir() if path.suffix}
    del files["NOTICE.txt"]
    assert len(excerpt(files)[name]) < len(files[name]) / 2
