"""Names that clients compute too: node ids, node names, display names, pod names, label keys. Pure text, no lookup.

Source: argo-semantics 1, 3.1 to 3.3, 4.1, Appendix A.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from tiphys.model.base import number_text

PREFIX = "workflows.argoproj.io/"
LABEL_WORKFLOW = PREFIX + "workflow"
LABEL_COMPLETED = PREFIX + "completed"
LABEL_PHASE = PREFIX + "phase"
LABEL_INSTANCE_ID = PREFIX + "controller-instanceid"
LABEL_COMPONENT = PREFIX + "component"
LABEL_ARCHIVING_STATUS = PREFIX + "workflow-archiving-status"
LABEL_WORKFLOW_TEMPLATE = PREFIX + "workflow-template"
LABEL_CLUSTER_WORKFLOW_TEMPLATE = PREFIX + "cluster-workflow-template"
LABEL_CRON_WORKFLOW = PREFIX + "cron-workflow"
LABEL_RESUBMITTED_FROM = PREFIX + "resubmitted-from-workflow"
ANNOTATION_NODE_ID = PREFIX + "node-id"
ANNOTATION_NODE_NAME = PREFIX + "node-name"
ANNOTATION_POD_NAME_FORMAT = PREFIX + "pod-name-format"
ANNOTATION_DISPLAY_NAME = PREFIX + "display-name"
ANNOTATION_SCHEDULED_TIME = PREFIX + "scheduled-time"
LABEL_CRON_COMPLETED = "cronworkflows.argoproj.io/completed"
ANNOTATION_LAST_SCHEDULE = "cronworkflows.argoproj.io/last-used-schedule"
ANNOTATION_DELETE_ON_STOP = "tiphys.io/delete-on-stop"
ANNOTATION_CATCH_UP = "tiphys.io/catch-up"
ANNOTATION_CATCH_UP_LIMIT = "tiphys.io/catch-up-limit"

MAX_POD_NAME_PREFIX = 242
_DISPLAY_LEAD = re.compile(r"^(\[\d+\])?\.")


@lru_cache(maxsize=16_384)
def fnv1a32(text: str) -> int:
    """The 32-bit FNV-1a hash of the UTF-8 bytes of `text`."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def fnv1a64(content: bytes) -> int:
    """The 64-bit FNV-1a hash of `content`."""
    value = 0xCBF29CE484222325
    for byte in content:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def node_id(workflow: str, node_name: str) -> str:
    """The id of a node: the workflow's name for the entry point, else `<workflow>-<hash>`."""
    return workflow if node_name == workflow else f"{workflow}-{fnv1a32(node_name)}"


def free_id(workflow: str, node_name: str, taken: dict[str, str]) -> str:
    """The id of a node that no other has; it is taken from then on.

    Differs from Argo: nodes whose names have one hash are not taken for one another; the second has the id of `<name>#2`.

    Args:
        workflow: The workflow's name.
        node_name: The node's.
        taken: Id -> name of the node that has it.
    """
    found, number = node_id(workflow, node_name), 1
    while taken.setdefault(found, node_name) != node_name:
        number += 1
        found = node_id(workflow, f"{node_name}#{number}")
    return found


def pod_name(workflow: str, node: str, template: str, *, version: str = "v2") -> str:
    """The name of a node's pod.

    Args:
        workflow: The workflow's name.
        node: The node's id.
        template: The template's name; empty for an inline one.
        version: The workflow's `pod-name-format`.
    """
    if version == "v1" or node == workflow:
        return node
    prefix = f"{workflow}-{template}" if template else workflow
    return f"{prefix[:MAX_POD_NAME_PREFIX]}{node.removeprefix(workflow)}"


def display_name(node_name: str, boundary_name: str = "") -> str:
    """What the tree shows: the node's name without its boundary's."""
    if not boundary_name:
        return node_name
    rest = node_name.removeprefix(boundary_name)
    return rest[1:] if rest.startswith(".") else _DISPLAY_LEAD.sub("", rest)


def item_text(item: object) -> str:
    """A loop item as it stands in a member's name: maps sorted as `k:v,...`, lists as `[a b]`, no parentheses.

    What is inside of maps and lists is JSON, only that texts have no quotes around them.
    """
    return _plain(item).replace("(", "").replace(")", "")


def _plain(item: object) -> str:
    match item:
        case Mapping():
            # sorted as a whole: `a-b:1` comes before `a:1`
            return ",".join(sorted(f"{key}:{_inner(value)}" for key, value in item.items()))
        case str():
            return _inner(item)
        case Sequence():
            return "[" + " ".join(map(_inner, item)) + "]"
        case _:
            return _inner(item)


def _inner(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1] if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Mapping():
            return "{" + ",".join(f"{_json(str(key))}:{_json(part)}" for key, part in value.items()) + "}"
        case Sequence():
            return "[" + ",".join(map(_json, value)) + "]"
        case bool():
            return "true" if value else "false"
        case float():
            return number_text(value)
        case None:
            return "null"
        case _:
            return str(value)


def member_name(node_name: str, index: int, item: object) -> str:
    """The name of one loop member, `task(0:item)`."""
    return f"{node_name}({index}:{item_text(item)})"
