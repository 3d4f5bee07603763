"""One workflow, wherever it is: live, else in the archive; its nodes in it, wherever those are.

Source: argo-semantics 14.3, 25; rest-and-clients 1.1.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tiphys.archive.hydrating import Hydrator
from tiphys.cluster.api import Api
from tiphys.errors import NotFound, TiphysError
from tiphys.model.archived import PERSISTED
from tiphys.model.base import Json
from tiphys.model.names import LABEL_ARCHIVING_STATUS
from tiphys.server.answers import NotYet
from tiphys.server.kept import Kept
from tiphys.server.rights import require
from tiphys.server.storage import Storage

if TYPE_CHECKING:
    from tiphys.archive.store import SqlArchive


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which workflow: of a name, and with `uid` that one only."""

    namespace: str
    name: str
    uid: str = ""


async def find(storage: Storage, kept: Kept, wanted: Wanted, query: Mapping[str, str] | None = None) -> Json:
    """The workflow with its nodes. Who is told that there is no live one may see it: so he may see the archived one.

    Raises:
        NotFound: There is none.
    """
    try:
        live = await storage.read("Workflow", wanted.namespace, wanted.name, query)
        if wanted.uid in ("", live["metadata"].get("uid")):
            return await hydrated(kept, live)
        missing = NotFound(f'workflows.argoproj.io "{wanted.name}" not found')
    except NotFound as e:
        missing = e
    archive = await kept.archive()
    if archive is None:
        raise missing
    try:
        found = await archive.read(uid=wanted.uid, namespace=wanted.namespace, name=wanted.name)
    except NotFound:
        raise missing from None
    document = persisted(found)
    if document["metadata"].get("namespace") != wanted.namespace or document["metadata"].get("name") != wanted.name:
        raise missing
    return document


def persisted(text: str) -> Json:
    """An archived workflow, labelled as one."""
    document: dict[str, Any] = msgspec.json.decode(text)
    meta = document.setdefault("metadata", {})
    meta["labels"] = {**(meta.get("labels") or {}), LABEL_ARCHIVING_STATUS: PERSISTED}
    return document


async def hydrated(kept: Kept, document: Json) -> Json:
    """A workflow with its nodes, and nothing that says they were elsewhere.

    Raises:
        RefusedError: They were offloaded, and there is no database.
    """
    status = document.get("status")
    is_offloaded = isinstance(status, dict) and bool(status.get("offloadNodeStatusVersion"))
    storage = await kept.storage() if is_offloaded else None
    return await Hydrator(storage.offload if storage is not None else None).document(document)


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """Which archived workflow, and what for.

    Attributes:
        uid: The workflow's.
        verbs: What is to be done with workflows of its name: get, create, delete.
        namespace: Where it must be; empty for anywhere.
        name: The newest of this name counts where there is none of the uid.
    """

    uid: str
    verbs: tuple[str, ...] = ("get",)
    namespace: str = ""
    name: str = ""


async def find_archived(api: Api, kept: Kept, wanted: Archived) -> Json:
    """An archived workflow, for who may do with it what he wants to. Others do not hear whether there is one.

    Raises:
        NotFound: There is none.
        Forbidden: He may not.
        NotYet: There is no archive.
    """
    try:
        document = await _archived(await kept.archive(), wanted)
    except TiphysError:
        for verb in wanted.verbs:
            await require(api, verb, "Workflow", wanted.namespace, wanted.name)
        raise
    meta = document["metadata"]
    for verb in wanted.verbs:
        await require(api, verb, "Workflow", str(meta.get("namespace")), str(meta.get("name")))
    return document


async def _archived(archive: "SqlArchive | None", wanted: Archived) -> Json:
    if archive is None:
        raise NotYet(f"{'deleting' if 'delete' in wanted.verbs else 'getting'} archived workflows not supported")
    try:
        text = await archive.read(uid=wanted.uid)
    except NotFound:
        if not wanted.namespace or not wanted.name:
            raise
        text = await archive.read(namespace=wanted.namespace, name=wanted.name)
    document = persisted(text)
    if wanted.namespace not in ("", document["metadata"].get("namespace")):
        raise NotFound(f"the archive has no workflow {wanted.uid}")
    return document
