"""The protocol that artifact drivers of others speak: its messages by the numbers of their fields, written and read here.

Nothing of it is generated, and protobuf's own library is not loaded: it takes as long as all the rest of an executor's start.
A message is a dict by the names of its fields; a field that is not there has its type's zero.
Source: argo-semantics 20.1; the service `artifact.ArtifactService` of Argo Workflows 4.1; Protocol Buffers, "Encoding".
"""

from typing import Any, NamedTuple

from tiphys.errors import InvalidManifest

SERVICE = "artifact.ArtifactService"
_OUTCOME = "success:bool error:string"
_TABLE = {
    "PluginArtifact": "name:string configuration:string connection_timeout_seconds:int32 key:string",
    "Artifact": "name:string path:string mode:int32 from:string plugin:PluginArtifact optional:bool sub_path:string "
    "recurse_mode:bool from_expression:string deleted:bool",
    "LoadArtifactRequest": "input_artifact:Artifact path:string",
    "LoadArtifactResponse": _OUTCOME,
    "OpenStreamRequest": "artifact:Artifact",
    "OpenStreamResponse": "data:bytes is_end:bool error:string",
    "SaveArtifactRequest": "path:string output_artifact:Artifact",
    "SaveArtifactResponse": _OUTCOME,
    "DeleteArtifactRequest": "artifact:Artifact",
    "DeleteArtifactResponse": _OUTCOME,
    "ListObjectsRequest": "artifact:Artifact",
    "ListObjectsResponse": "objects:strings error:string",
    "IsDirectoryRequest": "artifact:Artifact",
    "IsDirectoryResponse": "is_directory:bool error:string",
    "SaveStreamArtifactRequest": "output_artifact:Artifact chunk:bytes",
    "GetCapabilitiesRequest": "",
    "GetCapabilitiesResponse": "supports_save_stream:bool",
}
METHODS = {
    "Load": ("LoadArtifactRequest", "LoadArtifactResponse"),
    "OpenStream": ("OpenStreamRequest", "OpenStreamResponse"),
    "Save": ("SaveArtifactRequest", "SaveArtifactResponse"),
    "Delete": ("DeleteArtifactRequest", "DeleteArtifactResponse"),
    "ListObjects": ("ListObjectsRequest", "ListObjectsResponse"),
    "IsDirectory": ("IsDirectoryRequest", "IsDirectoryResponse"),
    "SaveStream": ("SaveStreamArtifactRequest", "SaveArtifactResponse"),
    "GetCapabilities": ("GetCapabilitiesRequest", "GetCapabilitiesResponse"),
}
"""Method -> what it takes and gives; OpenStream gives many, SaveStream takes many."""

Message = dict[str, Any]
_VARINT, _EIGHT, _SIZED, _FOUR = 0, 1, 2, 5
_ZEROS: dict[str, Any] = {"string": "", "bytes": b"", "bool": False, "int32": 0}
_WIDEST = 10
"""Bytes of a varint at most: 64 bits, seven a byte."""


class _Field(NamedTuple):
    number: int
    name: str
    kind: str


def _fields(said: str) -> tuple[_Field, ...]:
    return tuple(_Field(number, *one.split(":")) for number, one in enumerate(said.split(), 1))


_FIELDS = {name: _fields(said) for name, said in _TABLE.items()}


def encode(message: str, values: Message) -> bytes:
    """The bytes of a message of that name; numbers are not negative."""
    return b"".join(_encode_field(field, values[field.name]) for field in _FIELDS[message] if values.get(field.name))


def _encode_field(field: _Field, value: Any) -> bytes:
    if field.kind in ("bool", "int32"):
        return _varint(field.number << 3) + _varint(int(value))
    if field.kind == "strings":
        return b"".join(_encode_field(_Field(field.number, field.name, "string"), one) for one in value)
    if field.kind == "string":
        value = value.encode()
    elif field.kind != "bytes":
        value = encode(field.kind, value)
    return b"".join((_varint(field.number << 3 | _SIZED), _varint(len(value)), value))


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def decode(message: str, content: bytes) -> Message:
    """The values of a message of that name, all its fields with it; what it does not know is passed over.

    Raises:
        InvalidManifest: These bytes are no such message.
    """
    fields = {field.number: field for field in _FIELDS[message]}
    values: Message = {field.name: [] if field.kind == "strings" else _ZEROS[field.kind] for field in _FIELDS[message]}
    at = 0
    while at < len(content):
        tag, at = _read_varint(content, at)
        kind = tag & 7
        value: int | bytes
        value, at = _read_varint(content, at) if kind == _VARINT else _read_bytes(kind, content, at)
        field = fields.get(tag >> 3)
        if field is None:
            continue
        if (kind == _VARINT) != (field.kind in ("bool", "int32")) or kind in (_EIGHT, _FOUR):
            raise InvalidManifest(f"{message}.{field.name} is of another type")
        _keep(values, field, value)
    return values


def _keep(values: Message, field: _Field, value: Any) -> None:
    if field.kind in ("string", "strings"):
        try:
            value = value.decode()
        except UnicodeDecodeError as e:
            raise InvalidManifest(f"{field.name} is not UTF-8") from e
    if field.kind == "strings":
        values[field.name].append(value)
    else:
        values[field.name] = bool(value) if field.kind == "bool" else value


def _read_bytes(kind: int, content: bytes, at: int) -> tuple[bytes, int]:
    if kind == _SIZED:
        size, at = _read_varint(content, at)
    elif kind in (_EIGHT, _FOUR):
        size = 8 if kind == _EIGHT else 4
    else:
        raise InvalidManifest(f"a field has the unknown wire type {kind}")
    if size > len(content) - at:
        raise InvalidManifest("a message ends within a field")
    return content[at : at + size], at + size


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_WIDEST):
        if at + place >= len(content):
            raise InvalidManifest("a message ends within a number")
        byte = content[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise InvalidManifest("a message holds a number that is too long")
