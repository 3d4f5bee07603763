"""Pods live and die: scheduled, started, ended as a script says, killed when they are deleted."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from tiphys.local.objects import Change, Place, Refusal, Store
from tiphys.model.base import Json
from tiphys.model.names import fnv1a64
from tiphys.pods.passes.shim import SHIM_PATH

_MESSAGE_LIMIT = 4096
_LINE = 12_000


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a pod.

    Attributes:
        seconds: How long it runs.
        hangs: It runs until it is deleted.
        waits: Why it never starts, as `ErrImagePull`; empty for a pod that does.
        result: What it printed; told by its record where the pod has a shim.
        parameters: Output parameters, told likewise.
        log: Its log, where that is not `result`.
        message: Its termination message, where that is no record.
        pending_seconds: How long it takes to start.
    """

    seconds: float = 0.02
    exit_code: int = 0
    hangs: bool = False
    waits: str = ""
    result: str = ""
    parameters: dict[str, str] = {}
    log: bytes = b""
    message: str | None = None
    pending_seconds: float = 0.02


Behaviour = Callable[[Json], Ending]


class Kubelet:
    """One node that runs all pods of a store.

    Attributes:
        logs: Place of the pod -> what its container printed.
        times: Place of the pod -> when it printed its lines; those without a time are printed when they are read.
        started: Names of the pods that were ever started, oldest first.
    """

    def __init__(self, store: Store, behave: Behaviour = lambda _pod: Ending()) -> None:
        self.store = store
        self.behave = behave
        self.logs: dict[Place, bytes] = {}
        self.times: dict[Place, tuple[str, ...]] = {}
        self.started: list[str] = []
        self._lives: dict[str, asyncio.Task[None]] = {}
        store.on_change.append(self._hear)

    async def close(self) -> None:
        """Kill everything."""
        tasks = list(self._lives.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hear(self, change: Change) -> None:
        if change.place.plural != "pods":
            return
        uid = change.now["metadata"]["uid"]
        if change.type == "ADDED":
            self._begin(uid, self._live(change.place, uid))
        elif change.type == "DELETED" and uid in self._lives:
            self._lives.pop(uid).cancel()
        elif change.now["metadata"].get("deletionTimestamp") and not (change.before or {})["metadata"].get("deletionTimestamp"):
            self._begin(uid, self._kill(change.place, uid))

    def _begin(self, uid: str, work: Coroutine[Any, Any, None]) -> None:
        before = self._lives.pop(uid, None)
        if before is not None:
            before.cancel()
        task = self._lives[uid] = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda done: self._lives.pop(uid, None) if self._lives.get(uid) is done else None)

    async def _live(self, place: Place, uid: str) -> None:
        ending = self.behave(self.store.read(place))
        await asyncio.sleep(ending.pending_seconds / 2)
        waiting = {"reason": ending.waits or "ContainerCreating"}
        self._set(place, uid, {"phase": "Pending"}, {"waiting": waiting}, is_scheduled=True)
        if ending.waits:
            return
        await asyncio.sleep(ending.pending_seconds / 2)
        self.started.append(place.name)
        began = self.store.stamp()
        self._set(place, uid, {"phase": "Running", "podIP": "10.0.0.1"}, {"running": {"startedAt": began}})
        if ending.hangs:
            return
        await asyncio.sleep(ending.seconds)
        message, log = _says(self.store.read(place), ending)
        self.logs[place] = log
        self._end(place, uid, ending.exit_code, message, began)

    async def _kill(self, place: Place, uid: str) -> None:
        await asyncio.sleep(0.02)
        status = self.store.read(place).get("status", {})
        if status.get("phase") in ("Pending", "Running"):
            self._end(place, uid, 137, "", self.store.stamp())
        if not self.store.read(place)["metadata"].get("finalizers"):
            self.store.remove(place)

    def _end(self, place: Place, uid: str, exit_code: int, message: str, began: str) -> None:
        ended = {
            "exitCode": exit_code,
            "reason": "Completed" if exit_code == 0 else "Error",
            "startedAt": began,
            "finishedAt": self.store.stamp(),
            **({"message": message} if message else {}),
        }
        self._set(place, uid, {"phase": "Failed" if exit_code else "Succeeded"}, {"terminated": ended})

    def _set(self, place: Place, uid: str, status: Json, state: Json, *, is_scheduled: bool = False) -> None:
        try:
            pod = self.store.read(place)
        except Refusal:
            return
        if pod["metadata"]["uid"] != uid:
            return
        names = [container["name"] for container in pod["spec"]["containers"]]
        containers = [{"name": name, "ready": "running" in state, "state": state} for name in names]
        patch: Json = {"status": {**status, "containerStatuses": containers}}
        if is_scheduled:
            patch["spec"] = {"nodeName": "node-1"}
        self.store.patch(place, patch)


def _says(pod: Json, ending: Ending) -> tuple[str, bytes]:
    """The termination message and the log of a container that ended."""
    log = ending.log or ending.result.encode()
    if ending.message is not None:
        return ending.message, log
    command = pod["spec"]["containers"][0].get("command") or [""]
    if command[0] != SHIM_PATH:
        return "", log
    result = {"result": ending.result} if "--result" in command else {}
    record = msgspec.json.encode({"v": 1, "exit": ending.exit_code, **result, "parameters": ending.parameters})
    if len(record) <= _MESSAGE_LIMIT:
        return record.decode(), log
    lines = b"".join(b"\x1e" + record[i : i + _LINE] + b"\n" for i in range(0, len(record), _LINE))
    message = msgspec.json.encode({"v": 1, "framed": len(record), "digest": f"{fnv1a64(record):016x}"})
    return message.decode(), log + b"\n\x1etiphys-record\n" + lines
