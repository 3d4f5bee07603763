"""Uploads to S3 with an encryption context, which obstore cannot send: signed by hand, in parts when they are large.

Reading needs nothing of it: the store keeps the context with the object.
Source: AWS, "Multipart upload"; Argo's field documentation of `S3EncryptionOptions`.
"""

import base64
import itertools
import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from urllib.parse import quote
from xml.sax.saxutils import escape

from tiphys.artifacts import aws
from tiphys.artifacts.objects import PART, in_parallel, regroup
from tiphys.artifacts.web import Client, xml_reason
from tiphys.errors import InvalidManifest, SpecError, TiphysError, Unavailable
from tiphys.model.locations import S3EncryptionOptions

_UPLOADS = 4
_MAX_PARTS = 9_000
_HEADER = "x-amz-server-side-encryption"


def context_headers(options: S3EncryptionOptions) -> dict[str, str]:
    """What is said where an object, or an upload in parts, begins.

    Raises:
        SpecError: The context is no JSON object of texts, or there is no key to use it with.
    """
    path = "s3.encryptionOptions.kmsEncryptionContext"
    if not options.kms_key_id:
        raise SpecError("needs kmsKeyId", path=path)
    try:
        context = json.loads(options.kms_encryption_context)
    except ValueError as e:
        raise SpecError(f"is no JSON: {e}", path=path) from e
    if not isinstance(context, dict) or not all(isinstance(value, str) for value in context.values()):
        raise SpecError('is no JSON object of texts, as {"team": "a"}', path=path)
    sent = base64.b64encode(json.dumps(context, separators=(",", ":")).encode()).decode()
    return {_HEADER: "aws:kms", f"{_HEADER}-aws-kms-key-id": options.kms_key_id, f"{_HEADER}-context": sent}


class ContextUpload:
    """Saves objects of one bucket.

    Args:
        client: For its requests.
        bucket_url: Where the bucket is.
        keys: Gives the credentials of now.
        region: Of the bucket.
        headers: What `context_headers` says.
    """

    def __init__(
        self, client: Client, bucket_url: str, keys: Callable[[], aws.Keys], *, region: str, headers: dict[str, str]
    ) -> None:  # fmt: skip
        self._client, self._bucket_url, self._keys = client, bucket_url, keys
        self._region, self._headers = region, headers

    def save(self, key: str, content: Iterable[bytes], size: int) -> None:
        """One request when it is small, else parts of which nothing is seen before the last."""
        chunk = max(PART, size // _MAX_PARTS + 1)
        parts = regroup(content, chunk)
        first, second = next(parts, b""), next(parts, None)
        url = f"{self._bucket_url}/{quote(key.strip('/'), safe='/~')}"
        if second is None:
            self._ask("PUT", url, first, self._headers)
            return
        answer, _ = self._ask("POST", f"{url}?uploads=", b"", self._headers)
        found = re.search(rb"<UploadId>([^<]+)</UploadId>", answer)
        if found is None:
            raise InvalidManifest("the store names no upload")
        upload = quote(found[1].decode(), safe="~")
        try:
            self._parts(url, upload, itertools.chain((first, second), parts))
        except BaseException:
            with suppress(TiphysError):
                self._ask("DELETE", f"{url}?uploadId={upload}", b"")
            raise

    def _parts(self, url: str, upload: str, parts: Iterable[bytes]) -> None:
        tags: dict[int, str] = {}

        def send(numbered: tuple[int, bytes]) -> None:
            number, part = numbered
            _, tags[number] = self._ask("PUT", f"{url}?partNumber={number}&uploadId={upload}", part)

        in_parallel(send, enumerate(parts, 1), _UPLOADS)
        listed = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{escape(tags[n])}</ETag></Part>" for n in sorted(tags))
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        answer, _ = self._ask("POST", f"{url}?uploadId={upload}", body)
        if b"<Error>" in answer:  # it may come after 200
            raise Unavailable(xml_reason(answer.decode(errors="replace")))

    def _ask(self, method: str, url: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[bytes, str]:
        """The answer, and the tag of what was sent."""
        scope = aws.Scope(self._region, "s3", aws.now())
        sent = aws.signed(method, url, self._keys(), scope, body=body, headers=headers)
        with self._client.open(method, url, {**sent, "Content-Type": "application/octet-stream"}, body) as answer:
            return answer.read(1 << 20), answer.headers.get("ETag", "")
