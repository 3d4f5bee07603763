"""Nodes compressed as Argo does, and read whatever wrote them."""

import base64
import gzip
import json

import brotli
import pytest
import zstandard

from tiphys.errors import SpecError
from tiphys.model.compression import ALGORITHMS, compress, decompress, offload_version

NODES = json.dumps({f"n{number}": {"id": f"n{number}", "phase": "Succeeded"} for number in range(500)}).encode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_compressed_is_read_back_and_is_shorter(algorithm: str) -> None:
    text = compress(NODES, algorithm)
    assert len(text) < len(NODES) / 4
    assert decompress(text) == NODES


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, brotli.compress])
def test_what_other_programs_compressed_is_read(pack) -> None:  # type: ignore[no-untyped-def]
    assert decompress(base64.b64encode(pack(NODES)).decode()) == NODES


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nothing_grows_beyond_its_limit(algorithm: str) -> None:
    with pytest.raises(SpecError, match="longer than 1000 bytes"):
        decompress(compress(b"x" * 1_000_000, algorithm), limit=1000)


@pytest.mark.parametrize("text", ["!", "AAAA", base64.b64encode(b"\x1f\x8bjunk").decode(), base64.b64encode(b"\x28\xb5\x2f\xfdjunk").decode()])
def test_damage_is_told(text: str) -> None:
    with pytest.raises(SpecError, match=r"status\.compressedNodes"):
        decompress(text)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_ends_early_is_damage(algorithm: str) -> None:
    half = base64.b64decode(compress(NODES, algorithm))[:-200]
    with pytest.raises(SpecError):
        decompress(base64.b64encode(half).decode())


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(SpecError, match="lzma"):
        compress(NODES, "lzma")


def test_versions_are_fnv_1_as_argo_computes_them() -> None:
    assert offload_version(b"{}") == "fnv:1450640401"
