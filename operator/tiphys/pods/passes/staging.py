"""Passes: artifacts and archived logs. One init container brings all inputs; one container beside `main` stores what comes out.

The executor containers are called as with Argo (`init`, `wait`), so that clients know them; they alone get the secrets of stores,
as files, and see a user's volume only where an input artifact lies in it. Source: argo-semantics 4.3, 20.
Differs from Argo: a pod without artifacts and kept logs has neither; a log that only the repository asks for is not kept where
the image alone says what runs.
"""

from posixpath import normpath

import msgspec

from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact, ArtifactLocation
from tiphys.model.base import Json
from tiphys.model.names import LABEL_WORKFLOW
from tiphys.model.staging import (
    ANNOTATION_NOT_LOGGED,
    ANNOTATION_STAGING,
    ENV_STAGING,
    ENV_STAGING_FILE,
    INPUT_FOLDER,
    STAGED_FOLDER,
    Load,
    LogSave,
    Save,
    StagingPlan,
)
from tiphys.model.storage import has_location_or_key, relocated, repository_location
from tiphys.model.stored import LOGS
from tiphys.pods.draft import INPUT_VOLUME, MAIN, PLAN_VOLUME, STAGED_VOLUME, Draft, owner_of
from tiphys.pods.drivers import add_drivers, driver_mounts, with_driver
from tiphys.pods.failure import INIT, WAIT
from tiphys.pods.passes.executor import executor_container, user_of
from tiphys.pods.secrets import secret_mounts, secret_volumes

MANIFEST_PATH = "/tmp/manifest.yaml"  # noqa: S108 Argo's place, in a container of its own
USER_VOLUMES = "/mainctrfs"
"""Where the init container sees users' volumes."""
_PLAN_FOLDER, _PLAN_FILE = "/argo/plan", "staging.json"
_MAX_ANNOTATION = 32 * 1024
_GRACE = 30


class Mount(msgspec.Struct, frozen=True):
    """An input artifact: where the executor puts it, and by which volume mount of a user's it gets into the container."""

    artifact: Artifact
    path: str
    through: Json | None = None


def input_mounts(draft: Draft) -> None:
    """Mount input artifacts into the user's containers, before sidecars mirror their mounts.

    Raises:
        SpecError: An artifact has no path.
    """
    mounts = inputs_of(draft)
    if not mounts:
        return
    own = [
        {"name": INPUT_VOLUME, "mountPath": one.artifact.path, "subPath": one.artifact.name}
        for one in mounts
        if one.through is None
    ]
    for container in draft.spec["containers"] if own else ():
        container["volumeMounts"] = [*container.get("volumeMounts", ()), *own]
    if own:
        draft.add("volumes", {"name": INPUT_VOLUME, "emptyDir": {}})


def inputs_of(draft: Draft) -> list[Mount]:
    """The inputs that must be brought, in order.

    Raises:
        SpecError: One has no path.
    """
    made = []
    for artifact in draft.template.inputs.artifacts:
        if not has_location_or_key(artifact):
            continue  # optional, and nobody gave it
        path = artifact.path or _manifest_path(draft, artifact.name)
        if not path:
            raise SpecError(f"artifact {artifact.name} did not specify a path", path=draft.path("inputs.artifacts"))
        placed = msgspec.structs.replace(artifact, path=path)
        through = _volume_over(draft.main, path)
        target = f"{USER_VOLUMES}{normpath(path)}" if through is not None else f"{INPUT_FOLDER}/{artifact.name}"
        made.append(Mount(placed, target, through))
    return made


def _manifest_path(draft: Draft, name: str) -> str:
    resource = draft.template.resource
    source = resource.manifest_from.artifact if resource is not None and resource.manifest_from is not None else None
    return MANIFEST_PATH if source is not None and source.name == name else ""


def _volume_over(container: Json, path: str) -> Json | None:
    """The user's mount that a path lies in, the deepest; None when it lies in none."""
    where = normpath(path)
    found = [
        mount
        for mount in container.get("volumeMounts", ())
        if mount.get("name") != INPUT_VOLUME and f"{where}/".startswith(f"{normpath(str(mount.get('mountPath'))).rstrip('/')}/")
    ]
    return max(found, key=lambda mount: len(str(mount.get("mountPath"))), default=None)


def executors(draft: Draft) -> None:
    """Add the containers that load and save, and the plan that tells them what."""
    _choose_logged(draft)
    plan = plan_of(draft)
    if plan == StagingPlan():
        return
    loaded = [load.artifact for load in plan.loads]
    saved = [*(save.artifact for save in plan.saves), *(log.artifact for log in plan.logs)]
    draft.spec["volumes"] += secret_volumes([*loaded, *saved])
    variable = _hand_over(draft, plan)
    if loaded:
        init = _executor(draft, INIT, "load", variable, loaded)
        if any(mount.through is None for mount in inputs_of(draft)):
            init["volumeMounts"].append({"name": INPUT_VOLUME, "mountPath": INPUT_FOLDER})
        through = {str(m.through["mountPath"]): m.through for m in inputs_of(draft) if m.through is not None}
        for path, mount in through.items():
            shared = {key: value for key, value in mount.items() if key not in ("readOnly", "mountPath")}
            init["volumeMounts"].append({**shared, "mountPath": f"{USER_VOLUMES}{normpath(path)}"})
        draft.spec["initContainers"] = [init, *draft.spec["initContainers"]]
    if saved:
        wait = _executor(draft, WAIT, "save", variable, saved)
        mount = {"name": STAGED_VOLUME, "mountPath": STAGED_FOLDER}
        wait["volumeMounts"].append(mount)
        for name in staged_containers(plan):
            container = next(one for one in draft.spec["containers"] if one.get("name") == name)
            container["volumeMounts"] = [*container.get("volumeMounts", ()), mount]
        draft.spec["containers"] = [wait, *draft.spec["containers"]]
        draft.add("volumes", {"name": STAGED_VOLUME, "emptyDir": {}})
    add_drivers(draft, [*loaded, *saved])


def plan_of(draft: Draft) -> StagingPlan:
    """What the executors of this pod are to do."""
    repository = repository_location(draft.order.repository, "")
    names = [str(container.get("name")) for container in draft.spec["containers"]]
    loads = tuple(Load(artifact=_located(draft, one.artifact, repository), path=one.path) for one in inputs_of(draft))
    saves = []
    for artifact in draft.template.outputs.artifacts:
        if not artifact.path:
            raise SpecError(f"artifact {artifact.name} did not specify a path", path=draft.path("outputs.artifacts"))
        saves.append(Save(artifact=_located(draft, artifact, repository), container=MAIN if MAIN in names else names[-1]))
    kept = [log for log in draft.order.log_artifacts if _logged(log) in draft.logged]
    logs = tuple(LogSave(artifact=_located(draft, log, repository), container=_logged(log)) for log in kept)
    return StagingPlan(loads=loads, saves=tuple(saves), logs=logs)


def _choose_logged(draft: Draft) -> None:
    """Find the containers whose logs can be kept: those whose command is known, since the shim must stand before it."""
    order = draft.order
    wanted = [_logged(log) for log in order.log_artifacts]
    lacking = [name for name in wanted if order.may_lack_logs and not _is_wrapped(draft, name)]
    draft.logged = frozenset(wanted) - frozenset(lacking)
    if lacking:
        draft.annotations[ANNOTATION_NOT_LOGGED] = ",".join(lacking)
    for name in lacking:
        image = _container(draft, name).get("image")
        why = f"the entry point of image {image!r} is not known; specify the command, or list the image in the configuration"
        draft.warnings.append(f"the log of container {name} is not kept: {why}")


def _is_wrapped(draft: Draft, name: str) -> bool:
    container, outputs = _container(draft, name), draft.template.outputs
    is_known = bool(container.get("command")) or str(container.get("image")) in draft.settings.images
    gives_back = bool(draft.order.wants_result or outputs.artifacts or outputs.parameters)
    return is_known or (gives_back and container is draft.main)


def _container(draft: Draft, name: str) -> Json:
    return next((one for one in draft.spec["containers"] if one.get("name") == name), draft.main)


def _logged(log: Artifact) -> str:
    return log.name.removesuffix(LOGS)


def staged_containers(plan: StagingPlan) -> list[str]:
    """The containers whose shims stage something, once each."""
    return list(dict.fromkeys([*(save.container for save in plan.saves), *(log.container for log in plan.logs)]))


def staging_arguments(draft: Draft, container: str) -> list[str]:
    """The shim's options for what a container is to stage; empty when that is nothing."""
    order = draft.order
    has_log = container in draft.logged
    names = [str(one.get("name")) for one in draft.spec["containers"]]
    is_main = container == (MAIN if MAIN in names else names[-1])
    artifacts = order.template.outputs.artifacts if is_main else ()
    if not has_log and not artifacts:
        return []
    seconds = int(draft.spec.get("terminationGracePeriodSeconds") or _GRACE)
    made = ["--stage", f"{STAGED_FOLDER}/{container}", "--grace", str(max(1, seconds - min(10, max(1, seconds // 3))))]
    made += ["--log"] if has_log else []
    return [*made, *(word for artifact in artifacts for word in ("--artifact", f"{artifact.name}={artifact.path}"))]


def _hand_over(draft: Draft, plan: StagingPlan) -> Json:
    """The variable that tells an executor its plan."""
    text = msgspec.json.encode(plan).decode()
    if len(text.encode()) <= _MAX_ANNOTATION:
        draft.annotations[ANNOTATION_STAGING] = text
        return {"name": ENV_STAGING, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION_STAGING}']"}}}
    meta = draft.workflow.metadata
    name = f"{draft.order.pod_name[:245]}-staging"
    draft.config_maps.append({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {_PLAN_FILE: text},
        "metadata": {"name": name, "namespace": meta.namespace, "ownerReferences": [owner_of(draft.workflow)],
                     "labels": {LABEL_WORKFLOW: meta.name}},
    })  # fmt: skip
    draft.add("volumes", {"name": PLAN_VOLUME, "configMap": {"name": name}})
    return {"name": ENV_STAGING_FILE, "value": f"{_PLAN_FOLDER}/{_PLAN_FILE}"}


def _executor(draft: Draft, name: str, verb: str, variable: Json, artifacts: list[Artifact]) -> Json:
    """An executor container with its plan, the secrets of its stores, and the user that `main` runs as."""
    made = executor_container(draft, name, ["tiphys", "executor", verb])
    made["env"] = [*made.get("env", ()), variable]
    mounts = [*made.get("volumeMounts", ())]
    if variable["name"] == ENV_STAGING_FILE:
        mounts.append({"name": PLAN_VOLUME, "mountPath": _PLAN_FOLDER, "readOnly": True})
    made["volumeMounts"] = [*mounts, *secret_mounts(artifacts), *driver_mounts(artifacts)]
    security = {**user_of(draft), **(made.get("securityContext") or {})}
    return {**made, "securityContext": security} if security else made


def drop_absent(draft: Draft) -> None:
    """A patch that speaks of an executor container which this pod does not need makes no container of it."""
    for key, names in (("containers", (WAIT, "supervisor")), ("initContainers", (INIT,))):
        draft.spec[key] = [one for one in draft.spec[key] if one.get("image") or one.get("name") not in names]


def _located(draft: Draft, artifact: Artifact, repository: ArtifactLocation | None) -> Artifact:
    """The artifact with its whole location.

    Raises:
        SpecError: It has none, or needs a driver that the configuration does not know: said here, before a pod starts.
    """
    found = relocated(artifact, repository)
    return with_driver(found, found.plugin, draft.settings.artifact_drivers)
