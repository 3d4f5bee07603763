"""The driver of object stores (S3, GCS, Azure), over obstore.

Parts go in parallel both ways, memory stays flat, and an object is seen whole or not at all.
"""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tiphys.artifacts.folder import Folder
from tiphys.artifacts.guard import is_guarded
from tiphys.errors import Forbidden, InvalidManifest, NotFound, SpecError, TiphysError, Unavailable

if TYPE_CHECKING:
    from concurrent.futures import Future

    from obstore.store import ObjectStore

T = TypeVar("T")

#: Bytes of one part; with `_UPLOADS` or `_DOWNLOADS` of them in memory at a time.
PART = 8 << 20
_UPLOADS = 4
ENV_PART, ENV_THREADS = "ARTIFACT_S3_UPLOAD_PART_SIZE_MIB", "ARTIFACT_S3_UPLOAD_THREADS"
_DOWNLOADS = 4
#: Smaller ones for streams: who reads them may be slower than the network, and what has come waits in memory.
_STREAM_PART, _STREAMS = 2 << 20, 4
_MAX_PARTS = 10_000
_FILES = 8

#: Rides out a store that is away for about a minute; who calls may try again.
RETRY = {
    "max_retries": 20,
    "retry_timeout": timedelta(seconds=90),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=5), "base": 2},
}


def upload_settings(environ: Mapping[str, str]) -> tuple[int, int]:
    """Bytes of a part and how many go side by side, as the administrator says for executors.

    Raises:
        SpecError: A number is none, or out of bounds: 5 MiB to 1 GiB, 1 to 64 at a time.
    """
    part = _number(environ, ENV_PART, 5, 1024)
    return (part << 20 if part else PART), _number(environ, ENV_THREADS, 1, 64) or _UPLOADS


def _number(environ: Mapping[str, str], name: str, least: int, most: int) -> int:
    """What a variable says; 0 when it says nothing."""
    text = environ.get(name, "").strip()
    if not text:
        return 0
    if not (text.isdecimal() and least <= int(text) <= most):
        raise SpecError(f"{text!r} is no number from {least} to {most}", path=name)
    return int(text)


def client_options(*, insecure: bool = False, only: str = "") -> dict[str, Any]:
    """How obstore's HTTP client behaves; for a server it goes by the proxy that looks where it connects.

    Args:
        insecure: Whether HTTP is spoken without TLS.
        only: The `host:port` that requests must not leave, wherever they are redirected; empty is none.
    """
    wait = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(minutes=5)}
    options = {**wait, "allow_http": insecure, "user_agent": "tiphys"}
    if is_guarded() or only:
        from tiphys.artifacts.pin import proxy_url

        if url := proxy_url(only, looks=is_guarded()):
            options["proxy_url"] = url
    return options


def _reason(error: Exception) -> str:
    """What the store said, in one line, without obstore's account of the request."""
    import re

    from tiphys.artifacts.web import xml_reason

    text = str(error)
    if found := xml_reason(text):
        return found
    if "redirect without LOCATION" in text:
        return "PermanentRedirect: the bucket is in another region than the artifact says"
    if certificate := re.search(r"InvalidCertificate\(\s*(?:Other\(\s*OtherError\(\s*)?(\w+)", text):
        return f"the server's certificate is not trusted: {certificate[1]}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"://[^/@\s]*@", "://", lines[0] if lines else type(error).__name__)[:500]


#: How an error of S3 and its like starts -> what it means; all others may pass.
_CODES: tuple[tuple[Callable[[str], TiphysError], tuple[str, ...]], ...] = (
    (Forbidden, ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken", "InvalidToken", "AuthFailure")),
    (NotFound, ("NoSuchKey", "BlobNotFound")),
    # the answer to the last request of an upload was lost, and it was asked again: the whole is tried again
    (Unavailable, ("NoSuchUpload",)),
    # a bucket that is not there is a mistake, even where the artifact is optional
    (InvalidManifest, ("the server's certificate", "NoSuchBucket", "ContainerNotFound", "Invalid", "Malformed",
                       "EntityTooLarge", "KeyTooLong", "KMS", "AuthorizationHeaderMalformed", "PermanentRedirect",
                       "IllegalLocationConstraint", "MethodNotAllowed", "NotImplemented", "XMinioInvalidObjectName")),
)  # fmt: skip


def _meant(reason: str, otherwise: Callable[[str], TiphysError]) -> TiphysError:
    return next((kind(reason) for kind, starts in _CODES if reason.startswith(starts)), otherwise(reason))


@contextmanager
def told() -> Iterator[None]:
    """Turns obstore's errors into ours."""
    from obstore import exceptions

    try:
        yield
    except (exceptions.NotFoundError, FileNotFoundError) as e:
        raise _meant(_reason(e), NotFound) from e
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as e:
        raise Forbidden(_reason(e)) from e
    except (exceptions.InvalidPathError, exceptions.UnknownConfigurationKeyError) as e:
        raise SpecError(_reason(e)) from e
    except UnicodeEncodeError as e:
        raise SpecError(f"{e.object!a} is no name of an object: it is no UTF-8") from e
    except ValueError as e:
        if not str(e).startswith("Could not parse path"):
            raise
        raise SpecError(" ".join(str(e).split())[:500]) from e
    except exceptions.PreconditionError as e:
        raise Unavailable("the object changed while it was read") from e
    except exceptions.BaseError as e:
        raise _meant(_reason(e), Unavailable) from e


def regroup(content: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in parts of `size`, the last one smaller."""
    held: list[bytes] = []
    count = 0
    for part in content:
        view = memoryview(part)
        while view:
            taken = view[: size - count]
            held.append(bytes(taken) if len(taken) < len(part) else part)
            count += len(taken)
            view = view[len(taken) :]
            if count == size:
                yield b"".join(held) if len(held) > 1 else held[0]
                held, count = [], 0
    if count:
        yield b"".join(held)


class ObjectDriver:
    """Artifacts in one bucket."""

    #: How many small files are saved side by side.
    width = _FILES
    _is_unsure = False

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    def _asked(self, ask: Callable[[], T]) -> T:
        """What the store answers; asked again where it has said how it wants to be asked."""
        try:
            with told():
                return ask()
        except (InvalidManifest, Unavailable) as e:
            if not self._heeds(e):
                raise
        with told():
            return ask()

    def _at(self, _key: str) -> "ObjectStore":
        """The store as it is asked for this object."""
        return self._store

    def _heeds(self, _refusal: TiphysError) -> bool:
        """Whether the store is asked otherwise from now on, as its refusal said."""
        return False

    def load(self, key: str, target: Path) -> None:
        """The object, or else all objects below the key."""
        try:
            with target.open("xb", buffering=0) as file, told():
                self._load_object(key, file.fileno())
        except NotFound:
            target.unlink()
            self._load_folder(key, target)

    def _load_object(self, key: str, file: int) -> None:
        first, starts, fetch = self._ranges(key, PART)
        _write(file, 0, first)
        in_parallel(lambda start: _write(file, start, fetch(start)), starts, _DOWNLOADS)

    def _ranges(self, key: str, part: int) -> tuple[Any, range, Callable[[int], Any]]:
        """What came with the first answer, where other parts start, and what brings one as long as the object stays the same."""
        from obstore import get

        answer = self._asked(lambda: get(self._at(key), key))  # without a range: an empty object has none
        size, tag = answer.meta["size"], answer.meta["e_tag"]
        first = answer.bytes() if size <= 2 * part else b""
        del answer

        def fetch(start: int) -> Any:
            options: Any = {"range": (start, min(start + part, size)), **({"if_match": tag} if tag else {})}
            return get(self._at(key), key, options=options).bytes()

        return first, range(len(first), size, part), fetch

    def _load_folder(self, key: str, target: Path) -> None:
        first, found = _peek(self._listed(key))
        if first is None:
            raise NotFound(f"there is no object {key!r}, and nothing below it")
        prefix = key.strip("/") + "/"
        with Folder(target) as folder:

            def fetch(path: str) -> None:
                # making folders is not for several at once; the content then is
                with told():
                    self._load_object(path, files[path])

            for batch in iter(lambda: list(itertools.islice(found, _FILES)), []):
                there = self._real(batch)
                opened = {path: folder.create(path.removeprefix(prefix)) for path, _ in batch if path in there}
                files = {path: file.fileno() for path, file in opened.items()}
                try:
                    in_parallel(fetch, [path for path, size in batch if size], _FILES)
                finally:
                    for file in opened.values():
                        file.close()

    def _real(self, listed: Sequence[tuple[str, int]]) -> set[str]:
        """Those that are objects: an empty one may be the mark of an empty folder, of which the library does not tell it."""
        there = {path for path, size in listed if size}

        def look(path: str) -> None:
            with suppress(NotFound):
                self.size(path)
                there.add(path)

        in_parallel(look, [path for path, size in listed if not size], _FILES)
        return there

    def save(self, key: str, content: Iterable[bytes], size: int = -1) -> None:
        """One request when it is small, else parts of which nothing is seen before the last."""
        from obstore import list as list_objects
        from obstore import put

        part, uploads = upload_settings(os.environ)
        chunk = max(part, size // (_MAX_PARTS - 1000) + 1)
        parts = regroup(content, chunk)
        head = list(itertools.islice(parts, 2))
        if len(head) < 2:
            self._asked(lambda: put(self._at(key), key, b"".join(head), use_multipart=False))
            return
        if self._is_unsure:  # what was read cannot be read again: how the store is to be asked is found out before
            self._asked(lambda: next(iter(list_objects(self._store, key, chunk_size=1)), None))
        whole = itertools.chain(_taken(head), parts)
        with told():
            put(self._at(key), key, whole, use_multipart=True, chunk_size=chunk, max_concurrency=uploads)

    def stream(self, key: str) -> Iterator[bytes]:
        """The object's bytes: parts are fetched side by side and given in order, so that no request lasts long."""
        first, starts, fetch = self._ranges(key, _STREAM_PART)
        yield bytes(first)
        yield from _in_order(fetch, starts, _STREAMS)

    def size(self, key: str) -> int:
        """Of the object, in bytes."""
        from obstore import head

        return int(self._asked(lambda: head(self._at(key), key))["size"])

    def span(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The object's bytes from `start` up to, and without, `end`."""
        from obstore import get_range

        def fetch(at: int) -> Any:
            return get_range(self._at(key), key, start=at, end=min(at + _STREAM_PART, end))

        yield from _in_order(fetch, range(start, end, _STREAM_PART), _STREAMS)

    def list(self, prefix: str) -> Iterator[str]:
        """Keys below a folder, in the store's order."""
        for path, _ in self._listed(prefix):
            yield path

    def _listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Keys below a folder, and bytes. Marks of folders, as consoles of stores make them (`a/`), are no files.

        The library gives a mark without its slash: as something empty that has the folder's name, before all that is in it.
        """
        from obstore import list as list_objects

        def begin() -> Any:
            pages = iter(list_objects(self._store, prefix.strip("/") or None))
            return itertools.chain([next(pages, ())], pages)

        own, last = prefix.strip("/"), ("", -1)
        pages = self._asked(begin)
        with told():
            for found in itertools.chain.from_iterable(pages):
                path, size = found["path"], found["size"]
                if last[1] > 0 or (last[1] == 0 and not path.startswith(f"{last[0]}/")):
                    yield last
                last = (path, size if path != own else -1)
        if last[1] >= 0:
            yield last

    def delete(self, key: str) -> None:
        """The object, and all below the key."""
        from obstore import delete

        below = self.list(key)
        batch = [key.strip("/")]
        while batch:
            with suppress(NotFound):
                self._asked(lambda keys=batch: delete(self._store, keys))  # type: ignore[misc]
            batch = list(itertools.islice(below, 500))

    def is_directory(self, key: str) -> bool:
        """Whether there are objects below, and none at the key."""
        from obstore import head

        try:
            self._asked(lambda: head(self._at(key), key))
        except NotFound:
            return _peek(self.list(key))[0] is not None
        return False


def _taken(parts: list[bytes]) -> Iterator[bytes]:
    """Each part, which is then no more held."""
    while parts:
        yield parts.pop(0)


def _peek(keys: Iterator[T]) -> tuple[T | None, Iterator[T]]:
    first = next(keys, None)
    return first, itertools.chain(() if first is None else (first,), keys)


def _write(file: int, at: int, content: Any) -> None:
    view = memoryview(content)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done


def in_parallel(work: Any, items: Iterable[Any], width: int) -> None:
    """Do it for all; the first error ends it."""
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(width) as pool:
        running: set[Future[None]] = set()
        try:
            for item in items:
                if len(running) >= width:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for one in done:
                        one.result()
                running.add(pool.submit(work, item))
            for one in running:
                one.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _in_order(fetch: Callable[[int], Any], starts: Iterable[int], width: int) -> Iterator[bytes]:
    """What `fetch` answers for each, in their order, while the next ones are on their way."""
    from collections import deque
    from concurrent.futures import ThreadPoolExecutor

    left = iter(starts)
    head = list(itertools.islice(left, width))
    if not head:
        return
    with ThreadPoolExecutor(width) as pool:
        waiting = deque(pool.submit(fetch, start) for start in head)
        try:
            while waiting:
                with told():
                    part = bytes(waiting.popleft().result())
                waiting.extend(pool.submit(fetch, start) for start in itertools.islice(left, 1))
                yield part
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
