"""Ids of traces and spans: functions of the workflow's uid and of what a span is about, so that everybody finds the same.

Source: argo-semantics 1.2, 4.2, 4.4; W3C Trace Context, `traceparent`.
"""

import hashlib

from tiphys.model.names import PREFIX

ANNOTATION_TRACE_ID = PREFIX + "trace-id"
ANNOTATION_SPAN_ID = PREFIX + "span-id"


def trace_id(uid: str) -> int:
    """The trace of the workflow with a uid: 128 bits, never 0."""
    return int.from_bytes(hashlib.sha256(f"trace {uid}".encode()).digest()[:16], "big") or 1


def span_id(uid: str, name: str, node_id: str = "") -> int:
    """The span called `name` of a workflow or one of its nodes: 64 bits, never 0."""
    return int.from_bytes(hashlib.sha256(f"{name} {uid} {node_id}".encode()).digest()[:8], "big") or 1


def annotations(uid: str, node_id: str = "") -> dict[str, str]:
    """What a workflow, or the pod of one of its nodes, carries so that its span can be found."""
    own = span_id(uid, "node", node_id) if node_id else span_id(uid, "workflow")
    return {ANNOTATION_TRACE_ID: f"{trace_id(uid):032x}", ANNOTATION_SPAN_ID: f"{own:016x}"}


def traceparent(uid: str, node_id: str) -> str:
    """What a program that a node runs puts above the spans of its own: the node's span, sampled."""
    return f"00-{trace_id(uid):032x}-{span_id(uid, 'node', node_id):016x}-01"
