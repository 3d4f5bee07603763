"""Nodes as text: compressed for `status.compressedNodes`, versioned for the offload table. Pure; every input is bounded.

Source: argo-semantics 25.1, 25.2.
"""

import base64
import binascii
import zlib

import brotli
import zstandard

from tiphys.errors import SpecError

MAX_STATUS_BYTES = 1024 * 1024
"""A workflow whose JSON is longer has its nodes compressed, and offloaded when that is not enough."""
MAX_NODES_BYTES = 512 * 1024 * 1024
"""Nothing that is compressed may become longer than this."""
ALGORITHMS = ("gzip", "zstd", "brotli")
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_GZIP_WINDOW = 31
_PART = 1024


def compress(nodes: bytes, algorithm: str = "gzip", level: int | None = None) -> str:
    """The value of `status.compressedNodes` for the JSON of nodes.

    Args:
        nodes: The JSON.
        algorithm: One of `ALGORITHMS`.
        level: The algorithm's own scale; None for its usual one.

    Raises:
        SpecError: The algorithm is none of `ALGORITHMS`.
    """
    match algorithm:
        case "gzip":
            packer = zlib.compressobj(6 if level is None else level, zlib.DEFLATED, _GZIP_WINDOW)
            packed = packer.compress(nodes) + packer.flush()
        case "zstd":
            packed = zstandard.ZstdCompressor(level=3 if level is None else level).compress(nodes)
        case "brotli":
            packed = brotli.compress(nodes, quality=5 if level is None else level)
        case _:
            raise SpecError(f"unknown compression algorithm {algorithm!r}", hint=f"one of {', '.join(ALGORITHMS)}")
    return base64.b64encode(packed).decode()


def decompress(text: str, *, limit: int = MAX_NODES_BYTES) -> bytes:
    """The JSON of nodes that `status.compressedNodes` holds; its first bytes say how it was compressed.

    Raises:
        SpecError: It is damaged, or longer than `limit` bytes.
    """
    try:
        packed = base64.b64decode(text, validate=True)
        if packed.startswith(_GZIP):
            nodes = _gunzip(packed, limit)
        elif packed.startswith(_ZSTD):
            nodes = _unzstd(packed, limit)
        else:
            nodes = _unbrotli(packed, limit)
    except (binascii.Error, ValueError, zlib.error, zstandard.ZstdError, brotli.error) as e:
        raise SpecError(f"cannot be decompressed: {e}", path="status.compressedNodes") from e
    if len(nodes) > limit:
        raise SpecError(f"is longer than {limit} bytes when decompressed", path="status.compressedNodes")
    return nodes


def _gunzip(packed: bytes, limit: int) -> bytes:
    reader = zlib.decompressobj(_GZIP_WINDOW)
    nodes = reader.decompress(packed, limit + 1)
    if len(nodes) <= limit and not reader.eof:
        raise ValueError("it ends early")
    return nodes


def _unzstd(packed: bytes, limit: int) -> bytes:
    # in small parts: one byte may stand for thousands, and only the sum tells that it is too much
    reader, parts, length = zstandard.ZstdDecompressor().decompressobj(), [], 0
    for start in range(0, len(packed), _PART):
        if reader.eof or length > limit:
            break
        parts.append(reader.decompress(packed[start : start + _PART]))
        length += len(parts[-1])
    if length <= limit and not reader.eof:
        raise ValueError("it ends early")
    return b"".join(parts)


def _unbrotli(packed: bytes, limit: int) -> bytes:
    reader = brotli.Decompressor()
    nodes = reader.process(packed, output_buffer_limit=limit + 1)
    while len(nodes) <= limit and not reader.can_accept_more_data():
        more = reader.process(b"", output_buffer_limit=limit + 1 - len(nodes))
        if not more:
            break
        nodes += more
    if len(nodes) <= limit and not reader.is_finished():
        raise ValueError("it ends early")
    return bytes(nodes)


def offload_version(nodes: bytes) -> str:
    """The version of nodes in the offload table: `fnv:` and the 32-bit FNV-1 hash of their JSON, in decimal."""
    value = 0x811C9DC5
    for byte in nodes:
        value = (value * 0x01000193 & 0xFFFFFFFF) ^ byte
    return f"fnv:{value}"
