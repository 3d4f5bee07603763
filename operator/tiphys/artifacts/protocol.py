"""The protocol that artifact drivers of others speak, and its messages, made at run time from the table below.

Nothing of it is generated: a message is its fields in the order of their numbers, which begin with 1.
Source: argo-semantics 20.1; the service `artifact.ArtifactService` of Argo Workflows 4.1.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessages

_PACKAGE = "artifact"
SERVICE = f"{_PACKAGE}.ArtifactService"
_OUTCOME = "success:bool error:string"
_MESSAGES = {
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
_TYPES = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "strings": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int32": FieldDescriptorProto.TYPE_INT32,
}


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="artifact.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field in enumerate(fields.split(), 1):
            word, _, kind = field.partition(":")
            is_many = kind == "strings"
            label = FieldDescriptorProto.LABEL_REPEATED if is_many else FieldDescriptorProto.LABEL_OPTIONAL
            if kind in _TYPES:
                message.field.add(name=word, number=number, label=label, type=_TYPES[kind])
                continue
            of = f".{_PACKAGE}.{kind}"
            message.field.add(name=word, number=number, label=label, type=FieldDescriptorProto.TYPE_MESSAGE, type_name=of)
    return file


#: Name -> the message's class; kept apart from the messages that others register under the same package.
MESSAGES: dict[str, Any] = {
    name.removeprefix(f"{_PACKAGE}."): made for name, made in GetMessages([_file()], pool=DescriptorPool()).items()
}
