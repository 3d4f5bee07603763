"""The keys of a customer that S3 encrypts with: each object has its own, made of the customer's secret and of the object's name.

Source: Argo's `serverSideCustomerKeySecret`, whose client takes Argon2id (RFC 9106; one pass, 64 MiB, four lanes, 32 bytes) of
the secret, salted by bucket and key: what Argo has stored is read, and Argo reads what was stored here.
"""

import threading

from tiphys.errors import SpecError

_PATH = "s3.encryptionOptions.serverSideCustomerKeySecret"
_one_at_a_time = threading.Lock()  # each takes 64 MiB for a moment


def object_key(secret: bytes, bucket: str, key: str) -> bytes:
    """The 32 bytes that the object is encrypted with.

    Raises:
        SpecError: The names are too short for it.
    """
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    salt = f"{bucket}{key}".encode()
    if len(salt) < 8:
        raise SpecError("bucket and key are together shorter than 8 bytes", path=_PATH)
    with _one_at_a_time:
        return Argon2id(salt=salt, length=32, iterations=1, lanes=4, memory_cost=64 * 1024).derive(secret)
