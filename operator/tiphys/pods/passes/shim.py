"""Pass: what a node gives back is gathered by the shim, the first word of its command."""

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.order import NodeOrder
from tiphys.pods.draft import RUN_FOLDER, SHIM_VOLUME, Draft, first
from tiphys.pods.passes.container_set import order_arguments
from tiphys.pods.passes.executor import executor_container
from tiphys.pods.passes.staging import staging_arguments

SHIM_FOLDER = "/argo-shim"
SHIM_PATH = f"{SHIM_FOLDER}/shim"
_MESSAGE_BYTES, _ALL_MESSAGES_BYTES = 4096, 12 * 1024
"""What the kubelet keeps of one termination message, and of all messages of a pod."""
_ARCHITECTURE = "kubernetes.io/arch"


def shim_arguments(order: NodeOrder) -> list[str]:
    """The shim's options for what a node is to give back; empty when that is nothing."""
    made = ["--result"] if order.wants_result else []
    for parameter in order.template.outputs.parameters:
        source = parameter.value_from
        if source is None or not source.path:
            continue
        made += ["--parameter", f"{parameter.name}={source.path}"]
        if source.default is not None:
            made += ["--default", f"{parameter.name}={source.default}"]
    return made


def wrap_in_shim(draft: Draft) -> None:
    """Put the shim before the command where something is to come back, or where containers wait for each other."""
    written = draft.template.container_set
    names = {str(user.get("name")) for user in written.containers} if written is not None else {str(draft.main.get("name"))}
    for container in draft.spec["containers"]:
        if container.get("name") in names:
            _wrap(draft, container)


def _wrap(draft: Draft, main: Json) -> None:
    is_executor = draft.template.resource is not None
    name = str(main.get("name"))
    staged = staging_arguments(draft, name)
    gives_back = not is_executor and main is draft.main
    wanted = [*_pauses(draft, main), *(shim_arguments(draft.order) if gives_back else ()), *order_arguments(draft, name), *staged]
    if not wanted:
        return
    if not staged:
        wanted = [*_grace(draft), *wanted]
    command, arguments = entry_point(draft, main)
    # an executor writes its own record
    termination = "/dev/null" if is_executor else str(main.get("terminationMessagePath", ""))
    if termination:
        wanted = ["--termination", termination, *wanted]
    count = len(draft.containers())
    if count * _MESSAGE_BYTES > _ALL_MESSAGES_BYTES:
        wanted = ["--limit", str(_ALL_MESSAGES_BYTES // count), *wanted]
    main["command"] = [SHIM_PATH, *wanted, "--", *command]
    main["args"] = arguments
    mount_shim(draft, main)


def _pauses(draft: Draft, container: Json) -> list[str]:
    """A container may be held before and after its command, for looking around. Source: argo-semantics 19.5."""
    said = {str(entry.get("name")) for entry in container.get("env", ()) if entry.get("value") == "true"}
    pauses = [pause for pause in ("before", "after") if f"ARGO_DEBUG_PAUSE_{pause.upper()}" in said]
    if not pauses:
        return []
    draft.share_run_folder(container)
    folder = f"{RUN_FOLDER}/ctr/{container.get('name')}"
    return [word for pause in pauses for word in (f"--pause-{pause}", f"{folder}/{pause}")]


def hold_sidecars(draft: Draft) -> None:
    """A sidecar that ends by itself is held: the kubelet would start it again, and `main` only after it has seen it run."""
    names = {str(container.get("name")) for container in draft.template.sidecars}
    for container in draft.spec["initContainers"]:
        is_known = bool(container.get("command")) or str(container.get("image", "")) in draft.settings.images
        if container.get("name") not in names or container.get("restartPolicy") != "Always" or not is_known:
            continue
        command, arguments = entry_point(draft, container)
        termination = str(container.get("terminationMessagePath", ""))
        where = ["--termination", termination] if termination else []
        container["command"], container["args"] = [SHIM_PATH, "--hold", *where, "--", *command], arguments
        mount_shim(draft, container)


def _grace(draft: Draft) -> list[str]:
    """A command that does not end when it is told to is ended in time for the record to be written."""
    seconds = draft.spec.get("terminationGracePeriodSeconds", 30)
    return ["--grace", str(seconds - 2)] if isinstance(seconds, int) and seconds > 2 else []


def entry_point(draft: Draft, container: Json) -> tuple[list[str], list[str]]:
    """What a container runs: its own command, else what the configuration knows of its image; command and arguments.

    Raises:
        SpecError: Neither says.
    """
    command, arguments = list(container.get("command") or ()), list(container.get("args") or ())
    if command:
        return command, arguments
    image = str(container.get("image", ""))
    entry = draft.settings.images.get(image)
    if entry is None:
        raise SpecError(
            f'the entry point of image "{image}" is not known: specify the command, since its outputs are wanted',
            path=draft.path("container.command"),
            hint="or list the image under `images` in the controller's configuration",
        )
    # the first word must be a command, and an image may have its whole command in `cmd`
    return list(entry.command), arguments or list(entry.arguments)


def mount_shim(draft: Draft, container: Json) -> None:
    """The shim stands at `SHIM_PATH` in the container.

    Raises:
        SpecError: The pod is to run on Windows, where there is no shim.
    """
    if (draft.spec.get("nodeSelector") or {}).get("kubernetes.io/os") == "windows":
        what = "results, output parameters and sidecars are not supported on Windows nodes"
        raise SpecError(what, path=draft.path("nodeSelector"))
    mount = {"name": SHIM_VOLUME, "mountPath": SHIM_FOLDER, "readOnly": True}
    container["volumeMounts"] = [*container.get("volumeMounts", ()), mount]
    if draft.needs_shim:
        return
    draft.needs_shim = True
    architecture = _architecture(draft)
    if architecture:
        items = [{"key": architecture, "path": "shim"}]
        volume: Json = {"configMap": {"name": draft.settings.shim_config_map, "defaultMode": 0o755, "items": items}}
    else:
        # the pod may land on a node of any architecture: the executor, which is of the right one, brings its shim along
        bringer = executor_container(draft, SHIM_VOLUME, ["tiphys", "executor", "shim", SHIM_PATH])
        bringer["volumeMounts"] = [*bringer.get("volumeMounts", ()), {"name": SHIM_VOLUME, "mountPath": SHIM_FOLDER}]
        draft.spec["initContainers"] = [bringer, *draft.spec["initContainers"]]
        volume = {"emptyDir": {}}
    draft.add("volumes", {"name": SHIM_VOLUME, **volume})


def _architecture(draft: Draft) -> str:
    """The only architecture that the pod can run on; empty where it is open."""
    known = draft.settings.architectures
    if len(known) == 1:
        return known[0]
    said = (draft.spec.get("nodeSelector") or {}).get(_ARCHITECTURE)
    if said:
        return str(said)
    rule = (draft.spec.get("affinity") or {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = [_allowed(term) for term in rule.get("nodeSelectorTerms", ())]
    allowed = frozenset[str]().union(*(term for term in terms if term is not None))
    return next(iter(allowed)) if len(allowed) == 1 and None not in terms else ""


def _allowed(term: Json) -> frozenset[str] | None:
    """The architectures that a term of an affinity allows; None for all."""
    found = (e for e in term.get("matchExpressions", ()) if e.get("key") == _ARCHITECTURE and e.get("operator") == "In")
    values = first(*(expression.get("values") for expression in found))
    return frozenset(values) if values else None
