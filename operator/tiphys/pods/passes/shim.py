"""Pass: what a node gives back is gathered by the shim, the first word of its command."""

from tiphys.errors import SpecError
from tiphys.model.order import NodeOrder
from tiphys.pods.draft import SHIM_VOLUME, Draft

SHIM_PATH = "/argo-shim/shim"
_MESSAGE_BYTES, _ALL_MESSAGES_BYTES = 4096, 12 * 1024
"""What the kubelet keeps of one termination message, and of all messages of a pod."""


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
    """Put the shim before the command where something is to come back."""
    wanted = shim_arguments(draft.order)
    if not wanted or draft.template.resource is not None:
        return
    command, image = list(draft.main.get("command", ())), str(draft.main.get("image", ""))
    arguments = list(draft.main.get("args", ()))
    if not command:
        entry = draft.settings.images.get(image)
        if entry is None:
            raise SpecError(
                f'the entry point of image "{image}" is not known: specify the command, since its outputs are wanted',
                path=draft.path("container.command"),
                hint="or list the image under `images` in the controller's configuration",
            )
        command, arguments = list(entry.command), arguments or list(entry.arguments)
    draft.needs_shim = True
    count = 1 + len(draft.template.init_containers) + len(draft.template.sidecars)
    if count * _MESSAGE_BYTES > _ALL_MESSAGES_BYTES:
        wanted = ["--limit", str(_ALL_MESSAGES_BYTES // count), *wanted]
    key = _architecture(draft)
    volume = {"name": draft.settings.shim_config_map, "defaultMode": 0o755, "items": [{"key": key, "path": "shim"}]}
    draft.add("volumes", {"name": SHIM_VOLUME, "configMap": volume})
    mount = {"name": SHIM_VOLUME, "mountPath": "/argo-shim", "readOnly": True}
    draft.main["volumeMounts"] = [*draft.main.get("volumeMounts", ()), mount]
    draft.main["command"] = [SHIM_PATH, *wanted, "--", *command]
    draft.main["args"] = arguments


def _architecture(draft: Draft) -> str:
    selector = draft.template.node_selector or draft.workflow.spec.node_selector
    return selector.get("kubernetes.io/arch") or draft.settings.architectures[0]
