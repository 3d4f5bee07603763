"""Rules of a bucket that let objects below a key cool down and go, beside the rules that others have put there.

A store knows the rules of a bucket as one document, so they are read, and written back with one more. A rule of ours whose last
day is over has done its work, and goes: there are at most as many as there are keys that still wait.
Stores cannot be asked to write only if nobody else has, so who writes may overwrite what came in between. Each of us therefore
writes within `_FRESH_S` and `ANSWER_S` of its reading, or reads again; and looks after its own rule once more after `SETTLED_S`.
Whoever had read before it was there is done by then, and who read later has it. What other programs write at the same
moment, and what a store does after it was no more waited for, is not covered by this.
Source: Argo's fields of `OSSLifecycleRule`; AWS, "PutBucketLifecycleConfiguration"; Alibaba Cloud, "Lifecycle rules".
Differs from Argo: the other rules of the bucket stay; objects cool down after the days for that, where Argo deletes them; the
artifact is saved, too, where Argo sets the rules alone.
"""

import base64
import hashlib
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import date, timedelta

from tiphys.artifacts import aws
from tiphys.artifacts.web import Client
from tiphys.errors import InvalidManifest, NotFound, SpecError, Unavailable
from tiphys.model.locations import OSSLifecycleRule

_OURS = re.compile(r"tiphys-(\d{8})-(\d+)-[0-9a-f]{12}")
"""Day of the saving, days until the last of what is to be done, and which key."""
_COLD = "STANDARD_IA"
_GRACE = timedelta(days=3)
"""Stores look at rules once a day, at a time of theirs."""
_TRIES = 8
_FRESH_S, ANSWER_S = 1.0, 2.0
"""How old may be what was read when it is written; how long the writing may take."""
SETTLED_S = 4.0
"""Longer than both."""
_PATH = "oss.lifecycleRule"


def days_of(rule: OSSLifecycleRule) -> tuple[int, int]:
    """Days until objects cool down, and until they go; 0 is never.

    Raises:
        SpecError: They do not go together.
    """
    cold, gone = rule.mark_infrequent_access_after_days or 0, rule.mark_deletion_after_days or 0
    if cold < 0 or gone < 0:
        raise SpecError("days are not negative", path=_PATH)
    if cold and gone and cold >= gone:
        raise SpecError("markInfrequentAccessAfterDays is not less than markDeletionAfterDays", path=_PATH)
    return cold, gone


class BucketRules:
    """The rules of one bucket.

    Args:
        client: For its requests; it waits `ANSWER_S` at most.
        bucket_url: Where the bucket is.
        keys: Gives the credentials of now.
        region: Of the bucket.
    """

    def __init__(self, client: Client, bucket_url: str, keys: Callable[[], aws.Keys], region: str) -> None:
        self._client, self._url, self._keys, self._region = client, f"{bucket_url}/?lifecycle=", keys, region

    def keep(self, prefix: str, rule: OSSLifecycleRule) -> None:
        """Have the rule for objects that begin with `prefix`, counted from today; one for the same prefix is replaced.

        Raises:
            Forbidden, InvalidManifest, Unavailable: The store says no, or others write the rules all the time.
        """
        cold, gone = days_of(rule)
        if not cold and not gone:
            return
        today = aws.now()[:8]
        name = _name(prefix, (cold, gone), today)
        for attempt in range(_TRIES):
            began = time.monotonic()
            found = self._read()
            if name in _names(found):
                if attempt == 0:  # who wrote it looks after it
                    return
                time.sleep(SETTLED_S)
                if name in _names(self._read()):
                    return
            elif time.monotonic() - began < _FRESH_S:
                self._write(merge(found, prefix, (cold, gone), today))
        raise Unavailable("the rules of the bucket are written by others all the time, or its answers take too long")

    def _read(self) -> ET.Element:
        try:
            answer = self._ask("GET")
        except NotFound as e:
            if "NoSuchLifecycleConfiguration" not in e.message:
                raise
            return ET.Element("LifecycleConfiguration")
        if b"<!" in answer:
            raise InvalidManifest("the store answers with a document type")
        try:
            return ET.fromstring(answer)  # noqa: S314 no document types
        except ET.ParseError as e:
            raise InvalidManifest(f"the rules of the bucket are no XML: {e}") from e

    def _write(self, rules: ET.Element) -> None:
        self._ask("PUT", ET.tostring(rules))

    def _ask(self, method: str, body: bytes = b"") -> bytes:
        headers = {"content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()} if body else {}
        sent = aws.signed(method, self._url, self._keys(), aws.Scope(self._region, "s3", aws.now()), body=body, headers=headers)
        return self._client.read(method, self._url, {**sent, "Content-Type": "application/xml"}, body or None)


def merge(found: ET.Element, prefix: str, days: tuple[int, int], today: str) -> ET.Element:
    """The rules with one for the prefix, without ours that are over; those of others as they are.

    Args:
        found: What the bucket has.
        prefix: Of the objects.
        days: Until they cool down and until they go; 0 is never.
        today: As 20260102.
    """
    made = _plain(found)
    key = _name(prefix, days, today).rpartition("-")[2]
    for rule in list(made):
        name = _OURS.fullmatch(rule.findtext("ID", ""))
        if name is not None and (name[0].endswith(key) or _is_over(name[1], int(name[2]), today)):
            made.remove(rule)
    rule = ET.SubElement(made, "Rule")
    for word, text in (("ID", _name(prefix, days, today)), ("Prefix", prefix), ("Status", "Enabled")):
        ET.SubElement(rule, word).text = text
    cold, gone = days
    if cold:
        transition = ET.SubElement(rule, "Transition")
        ET.SubElement(transition, "Days").text = str(cold)
        ET.SubElement(transition, "StorageClass").text = _COLD
    if gone:
        ET.SubElement(ET.SubElement(rule, "Expiration"), "Days").text = str(gone)
    return made


def _plain(element: ET.Element) -> ET.Element:
    """The same without namespaces: stores answer with theirs, and take none."""
    made = ET.Element(element.tag.rpartition("}")[2])
    made.text = element.text
    made.extend([_plain(child) for child in element])
    return made


def _name(prefix: str, days: tuple[int, int], today: str) -> str:
    return f"tiphys-{today}-{max(days)}-{hashlib.sha256(prefix.encode()).hexdigest()[:12]}"


def _names(rules: ET.Element) -> set[str]:
    return {rule.findtext("ID", "") for rule in _plain(rules)}


def _is_over(day: str, days: int, today: str) -> bool:
    try:
        return date.fromisoformat(day) + timedelta(days=days) + _GRACE < date.fromisoformat(today)
    except (ValueError, OverflowError):
        return False
