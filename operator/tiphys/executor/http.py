"""An http template's request, made by a workflow's agent.

Source: argo-semantics 18.4.
Differs from Argo: a response of more than 256 KiB is an error, since it could not be stored.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import aiohttp

from tiphys.errors import SpecError, UserError
from tiphys.expr.scope import Scope
from tiphys.expr.template import evaluate_in
from tiphys.model.arguments import Outputs
from tiphys.model.base import KeySelector
from tiphys.model.phases import ERROR, FAILED, SUCCEEDED
from tiphys.model.task_set import TaskResult
from tiphys.model.template import HTTPHeader, HTTPTemplate

ReadSecret = Callable[[KeySelector], Awaitable[str]]
MAX_BODY = 256 * 1024
_SECONDS = 30


async def do_http(written: HTTPTemplate, read_secret: ReadSecret) -> TaskResult:
    """Make the request; what came of it."""
    try:
        headers = [(header.name, await _value(header, read_secret)) for header in written.headers]
        body = _body(written)
        timeout = aiohttp.ClientTimeout(total=written.timeout_seconds or _SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.request(
            written.method or "GET", written.url, headers=headers, data=body or None, ssl=not written.insecure_skip_verify,
        ) as answer:  # fmt: skip
            content = await answer.content.read(MAX_BODY + 1)
            while len(content) <= MAX_BODY and (more := await answer.content.read(MAX_BODY)):
                content += more
            if len(content) > MAX_BODY:
                raise SpecError(f"the response has more than {MAX_BODY} bytes")
            text = content.decode(errors="replace")
            shown = {name: answer.headers.getall(name) for name in answer.headers}
            return judge(written, body, answer.status, text, shown)
    except UserError as e:
        return TaskResult(phase=ERROR, message=e.message)
    except TimeoutError:
        return TaskResult(phase=ERROR, message=f"no answer from {written.url} within {written.timeout_seconds or _SECONDS} s")
    except (aiohttp.ClientError, OSError, ValueError) as e:
        return TaskResult(phase=ERROR, message=f"request to {written.url} failed: {e or type(e).__name__}")


async def _value(header: HTTPHeader, read_secret: ReadSecret) -> str:
    source = header.value_from.secret_key_ref if header.value_from is not None else None
    return header.value if source is None else await read_secret(source)


def _body(written: HTTPTemplate) -> bytes:
    if written.body_from is None or not written.body_from.bytes:
        return written.body.encode()
    try:
        return base64.b64decode(written.body_from.bytes, validate=True)
    except binascii.Error as e:
        raise SpecError(f"bodyFrom.bytes is no base64: {e}") from e


def judge(written: HTTPTemplate, body: bytes, status: int, text: str, headers: dict[str, list[str]]) -> TaskResult:
    """What a response means.

    Raises:
        UserError: The condition cannot be evaluated.
    """
    outputs = Outputs(result=text)
    if not written.success_condition:
        if 200 <= status < 300:
            return TaskResult(phase=SUCCEEDED, outputs=outputs)
        return TaskResult(phase=FAILED, message=f"received non-2xx response code: {status}", outputs=outputs)
    sent = {header.name: [header.value] for header in written.headers if header.value_from is None}
    values = {
        "request": {"method": written.method or "GET", "url": written.url, "body": body.decode(errors="replace"),
                    "bodyBytes": list(body), "headers": sent},
        "response": {"statusCode": status, "body": text, "headers": headers},
    }  # fmt: skip
    holds = evaluate_in(written.success_condition, Scope(values), now=datetime.now(UTC))  # noqa: TID251 a pod's own clock
    if not isinstance(holds, bool):
        raise SpecError(f"successCondition must be a condition, got {holds!r}")
    if holds:
        return TaskResult(phase=SUCCEEDED, outputs=outputs)
    return TaskResult(phase=FAILED, message=f"successCondition '{written.success_condition}' evaluated false", outputs=outputs)


