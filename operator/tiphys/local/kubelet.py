"""Runs the pods of a store on this machine: init containers, sidecars, the rest; deadlines; deletion with grace.

Its reports are pod statuses as a kubelet writes them, so that they are read by the same code.
"""

import asyncio
import contextlib
import itertools
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiphys.errors import NotFound, SpecError, TiphysError
from tiphys.local.api import log_file
from tiphys.local.container import TERMINATION, ContainerPlan, Handle, Mount, Runtime, expanded
from tiphys.local.objects import Change, Place, Refusal, Store
from tiphys.local.probe import check_probe, until_ready
from tiphys.local.volumes import Volumes, environment_of, logins_of
from tiphys.model.base import Json
from tiphys.model.names import LABEL_WORKFLOW

log = logging.getLogger(__name__)
_MESSAGE_BYTES = 4096
_GRACE = 30
_CANNOT_START = 128
_ARTIFACTS = "/argo/local-artifacts"


class Setting:
    """Where and how pods run.

    Attributes:
        folder: Scratch folders and what outlives pods.
        logs: Logs of all containers.
        executor_image: Containers of this image run our own program, always as processes.
        places: How many pods run at a time.
        holds_no_place: Whether a pod runs beside those that are counted: a daemon.
        started: Told the pod and the process of a container that was started.
    """

    def __init__(  # noqa: PLR0913, PLR0917 as many as it is made of
        self, folder: Path, logs: Path, runtime: Runtime, processes: Runtime, executor_image: str, places: int,
        holds_no_place: Callable[[Json], bool] = lambda _pod: False,
        started: Callable[[Json, int], None] = lambda _pod, _pid: None,
    ) -> None:  # fmt: skip
        self.folder, self.logs, self.runtime, self.processes = folder, logs, runtime, processes
        self.executor_image, self.holds_no_place, self.started = executor_image, holds_no_place, started
        self.places = asyncio.Semaphore(places)


class Kubelet:
    """The one node."""

    def __init__(self, store: Store, setting: Setting) -> None:
        self._store = store
        self._setting = setting
        self._lives: dict[str, _Life] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        store.on_change.append(self._hear)

    def _hear(self, change: Change) -> None:
        if change.place.plural != "pods":
            return
        uid = change.now["metadata"]["uid"]
        if change.type == "ADDED":
            life = self._lives[uid] = _Life(self._store, self._setting, change.place, change.now)
            task = asyncio.get_running_loop().create_task(life.live())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _done: self._lives.pop(uid, None))
        elif uid in self._lives and (change.type == "DELETED" or change.now["metadata"].get("deletionTimestamp")):
            seconds = change.now["metadata"].get("deletionGracePeriodSeconds", _GRACE)
            self._lives[uid].end(0 if change.type == "DELETED" else seconds)

    def handle(self, namespace: str, pod: str, container: str) -> Handle:
        """A container that runs.

        Raises:
            NotFound: It does not.
        """
        for life in self._lives.values():
            if (life.place.namespace, life.place.name) == (namespace, pod) and container in life.running:
                return life.running[container]
        raise NotFound(f"container {container} of {pod} does not run")

    async def close(self) -> None:
        """End everything that runs."""
        for life in self._lives.values():
            life.end(2)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        for life in self._lives.values():
            life.end(0)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)


class _Life:
    """One pod from its beginning to its end."""

    def __init__(self, store: Store, setting: Setting, place: Place, pod: Json) -> None:
        self._store, self._setting, self.place, self._pod = store, setting, place, pod
        self._folder = setting.folder / place.namespace / place.name
        self._volumes = Volumes(store, pod, self._folder, setting.folder)
        self._statuses: dict[str, Json] = {}
        self._inits: dict[str, Json] = {}
        self.running: dict[str, Handle] = {}
        self._ending: asyncio.TimerHandle | None = None
        self._is_ending = False
        self._reason = ("", "")

    @property
    def _is_alone(self) -> bool:
        """One container and nothing else: the pod's folder is its own."""
        spec = self._pod["spec"]
        return len(spec["containers"]) == 1 and not spec.get("initContainers") and not spec.get("volumes")

    # --- the pod

    async def live(self) -> None:
        """From the beginning to the end."""
        places = contextlib.nullcontext() if self._setting.holds_no_place(self._pod) else self._setting.places
        async with places:
            if not self._is_ending:
                await self._live()
        self._finish()

    async def _live(self) -> None:
        deadline = self._pod["spec"].get("activeDeadlineSeconds")
        timer = asyncio.get_running_loop().call_later(deadline, self._expire) if deadline else None
        try:
            # what an earlier run of the same node left
            _clear(self._folder)
            _clear(self._setting.logs / self.place.namespace / self.place.name)
            sidecars = None if self._is_refused() else await self._run_inits()
            if sidecars is not None:
                await self._run_mains()
                await self._end_sidecars(sidecars)
        finally:
            if timer is not None:
                timer.cancel()
            if self._ending is not None:
                self._ending.cancel()
            self._volumes.close()
            _clear(self._folder)

    def _is_refused(self) -> bool:
        """Whether the runtime cannot run one of the containers; none is begun then, since others would wait for it."""
        spec, began = self._pod["spec"], self._store.stamp()
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            try:
                check_probe(container)
                if container.get("image") != self._setting.executor_image:
                    self._setting.runtime.check(str(container.get("image", "")), container.get("command") or ())
            except SpecError as e:
                for one in spec["containers"]:
                    self._ended(one["name"], self._statuses, began, _CANNOT_START, _told(e), "StartError")
                return True
        return False

    def _expire(self) -> None:
        self._reason = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        self.end(self._pod["spec"].get("terminationGracePeriodSeconds", _GRACE))

    def end(self, grace_seconds: float) -> None:
        """Ask everything to end, and make it after the grace."""
        if not self._is_ending:
            self._is_ending = True
            for handle in self.running.values():
                handle.stop()
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.get_running_loop().call_later(grace_seconds, self._kill)

    def _kill(self) -> None:
        for handle in self.running.values():
            handle.kill()

    async def _run_inits(self) -> list[tuple[str, asyncio.Task[int]]] | None:
        """Run the init containers one after the other; the sidecars among them, or None when one failed."""
        sidecars: list[tuple[str, asyncio.Task[int]]] = []
        for container in self._pod["spec"].get("initContainers", ()):
            task = asyncio.get_running_loop().create_task(self._run(container, self._inits))
            if container.get("restartPolicy") == "Always":
                sidecars.append((container["name"], task))
                await asyncio.sleep(0)
            elif await task or self._is_ending:
                await self._end_sidecars(sidecars)
                return None
        return sidecars

    async def _run_mains(self) -> None:
        containers = self._pod["spec"]["containers"]
        await asyncio.gather(*(self._run(container, self._statuses) for container in containers))

    async def _end_sidecars(self, sidecars: list[tuple[str, asyncio.Task[int]]]) -> None:
        for name, task in sidecars:
            if not task.done() and name in self.running:
                self.running[name].stop()
        if sidecars:
            _, late = await asyncio.wait([task for _, task in sidecars], timeout=_GRACE)
            for name, task in sidecars:
                if task in late and name in self.running:
                    self.running[name].kill()
            await asyncio.gather(*(task for _, task in sidecars))

    # --- containers

    async def _run(self, container: Json, statuses: dict[str, Json]) -> int:
        name = container["name"]
        began = self._store.stamp()
        termination = self._folder / f"{name}.termination"
        try:
            plan = self._plan(container, termination)
            is_ours = plan.is_executor
            handle = await (self._setting.processes if is_ours else self._setting.runtime).start(plan)
        except TiphysError as e:
            return self._ended(name, statuses, began, _CANNOT_START, _told(e), "StartError")
        self.running[name] = handle
        if handle.pid:
            self._setting.started(self._pod, handle.pid)
        if self._is_ending:
            handle.stop()
        state = {"running": {"startedAt": began}}
        statuses[name] = {"name": name, "ready": "readinessProbe" not in container, "state": state}
        self._tell()
        probing = asyncio.get_running_loop().create_task(self._probe(container, handle, statuses, state))
        code = await handle.wait()
        self.running.pop(name, None)
        probing.cancel()
        message = termination.read_bytes()[:_MESSAGE_BYTES].decode(errors="replace") if termination.exists() else ""
        return self._ended(name, statuses, began, code, message, "Completed" if code == 0 else "Error")

    async def _probe(self, container: Json, handle: Handle, statuses: dict[str, Json], state: Json) -> None:
        if "readinessProbe" in container:
            await until_ready(container, handle)
            statuses[container["name"]] = {"name": container["name"], "ready": True, "state": state}
            self._tell()

    def _ended(
        self, name: str, statuses: dict[str, Json], began: str, code: int, message: str, reason: str
    ) -> int:
        ended = {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": self._store.stamp(), "message": message}
        state = {"terminated": {key: one for key, one in ended.items() if one != ""}}
        statuses[name] = {"name": name, "ready": False, "state": state}
        if len(self._pod["spec"]["containers"]) > 1 or statuses is self._inits:
            self._tell()
        return code

    def _plan(self, container: Json, termination: Path) -> ContainerPlan:
        environment = environment_of(self._store, self._pod, container)
        mounts = []
        for mount in container.get("volumeMounts", ()):
            source = self._volumes.path(mount["name"])
            inner = str(mount.get("subPath") or expanded(str(mount.get("subPathExpr") or ""), environment))
            if inner:
                source /= inner
                if not source.exists():
                    source.mkdir(parents=True)
            mounts.append(Mount(source, mount["mountPath"], bool(mount.get("readOnly"))))
        name, is_executor = container["name"], container.get("image") == self._setting.executor_image
        if is_executor:
            # its own folder may lie where a view does not show it
            artifacts = self._setting.folder.parent / "artifacts"
            artifacts.mkdir(exist_ok=True)
            mounts.append(Mount(artifacts, _ARTIFACTS))
            environment["TIPHYS_LOCAL_ARTIFACTS"] = _ARTIFACTS
            # objects that it makes are in the namespace of the kubeconfig, as kubectl's would be
            environment.pop("TIPHYS_NAMESPACE", None)
        command = [expanded(str(word), environment) for word in container.get("command") or ()]
        return ContainerPlan(
            name=f"{self.place.namespace}.{self.place.name}.{name}",
            owner=owner_of(self._setting.folder, str(self._pod["metadata"].get("labels", {}).get(LABEL_WORKFLOW, ""))),
            image=str(container.get("image", "")),
            command=tuple(command),
            arguments=tuple(expanded(str(word), environment) for word in container.get("args") or ()),
            environment=environment,
            working_folder=str(container.get("workingDir") or ""),
            mounts=tuple(mounts),
            folder=self._folder if self._is_alone else self._folder / name,
            log=log_file(self._setting.logs, self.place.namespace, self.place.name, name),
            termination=termination,
            termination_path=str(container.get("terminationMessagePath") or TERMINATION),
            is_executor=is_executor,
            outputs=_declared(command),
            logins=logins_of(self._store, self._pod),
        )

    # --- what is told

    def _tell(self, phase: str = "Running") -> None:
        status: dict[str, Any] = {
            "phase": phase,
            "podIP": "127.0.0.1",
            "initContainerStatuses": list(self._inits.values()),
            "containerStatuses": self._container_statuses(),
        }
        if self._reason[0]:
            status |= {"reason": self._reason[0], "message": self._reason[1]}
        with contextlib.suppress(Refusal):
            if self._store.read(self.place)["metadata"]["uid"] == self._pod["metadata"]["uid"]:
                self._store.patch(self.place, {"spec": {"nodeName": "this-machine"}, "status": status})

    def _container_statuses(self) -> list[Json]:
        waiting = {"waiting": {"reason": "PodInitializing"}}
        return [
            self._statuses.get(one["name"], {"name": one["name"], "ready": False, "state": waiting})
            for one in self._pod["spec"]["containers"]
        ]

    def _finish(self) -> None:
        codes = [_code(status) for status in self._statuses.values()]
        is_good = len(codes) == len(self._pod["spec"]["containers"]) and not any(codes) and not self._reason[0]
        self._tell("Succeeded" if is_good else "Failed")
        with contextlib.suppress(Refusal):
            now = self._store.read(self.place)
            if now["metadata"].get("deletionTimestamp") and now["metadata"]["uid"] == self._pod["metadata"]["uid"]:
                self._store.remove(self.place)


def owner_of(folder: Path, workflow: str) -> str:
    """A workflow as this machine knows it: the folder of its user's runs, and its name."""
    return f"{folder}/{workflow}"


def _told(error: TiphysError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)


def _clear(folder: Path) -> None:
    """Remove a folder with all that is in it; most are empty or not there."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def _code(status: Json) -> int:
    return int(status["state"].get("terminated", {}).get("exitCode", 1))


def _declared(command: list[str]) -> tuple[str, ...]:
    """The paths that the shim of a command reads in the end."""
    end = command.index("--") if "--" in command else 0
    pairs = itertools.pairwise(command[:end])
    return tuple(value.partition("=")[2] for option, value in pairs if option in ("--parameter", "--artifact"))
