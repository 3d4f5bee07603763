"""`run`: a workflow on this machine, without a cluster, by the same engine."""

import asyncio
import base64
import contextlib
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
import uvloop
from cyclopts import Parameter

from tiphys.cli.answering import answering
from tiphys.cli.documents import Document, Manifest, read_documents
from tiphys.cli.filling import parameters_of
from tiphys.cli.here import warnings, workflow_in
from tiphys.cli.judge import judge, library_of
from tiphys.cli.listing import Output
from tiphys.cli.machine import ARGO, NAMESPACE, Machine, machine_for, open_state
from tiphys.cli.own_archive import archive_ended
from tiphys.cli.session import Where, exit_code, now
from tiphys.cli.show import is_terminal, print_workflow
from tiphys.engine.operations.parameters import set_parameters
from tiphys.errors import NotFound, SpecError
from tiphys.local.container import Runtime
from tiphys.local.objects import Place, Refusal
from tiphys.local.runtimes import choose_runtime
from tiphys.model.parse import parse_workflow
from tiphys.model.phases import COMPLETED
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow, pod_name

_SHARED = {
    "WorkflowTemplate": (ARGO, "workflowtemplates", True),
    "ClusterWorkflowTemplate": (ARGO, "clusterworkflowtemplates", False),
    "ConfigMap": ("api/v1", "configmaps", True),
    "Secret": ("api/v1", "secrets", True),
}
"""Kinds that a workflow may need besides itself -> where they are kept, and whether in a namespace."""
_INTERRUPTED = 130
_LEAVING_SECONDS = 10.0
"""How long a view may take to give the terminal back: it cannot while somebody is in a shell."""


def run(  # noqa: PLR0913 as many options as users want
    *files: str,
    parameter: Annotated[list[str] | None, Parameter(name=["--parameter", "-p"])] = None,
    parameter_file: Annotated[str, Parameter(name=["--parameter-file", "-f"])] = "",
    entrypoint: str = "",
    runtime: Literal["auto", "podman", "docker", "process"] = "auto",
    with_: Annotated[list[str] | None, Parameter(name="--with")] = None,
    answer: Annotated[list[str] | None, Parameter(name="--answer")] = None,
    parallel: int = 0,
    resume: str = "",
    watch: bool = False,
    log: bool = True,
    record: str = "",
    output: Output = "",
) -> int:
    """Run a workflow on this machine; 1 when it does not succeed.

    Afterwards `tiphys list|get|logs|retry --local` know it. A run that was cut off goes on with --resume NAME.

    Args:
        files: The workflow, or a schedule to be run once, with templates, ConfigMaps and Secrets; `-` for standard input.
        parameter: NAME=VALUE for an argument.
        parameter_file: YAML with arguments.
        entrypoint: Instead of the workflow's own.
        runtime: podman or docker run containers; process runs commands as plain processes and ignores images; auto takes
            podman or docker where one works.
        with_: Files or folders with more templates, ConfigMaps and Secrets.
        answer: NAME=VALUE for an output that a suspended step waits for, or NODE to let one go on; else you are asked.
        parallel: How many steps run at a time; as many as there are processors, unless said.
        resume: Go on with this run.
        watch: Show it as it changes, with logs, and keys to act on it; of use on a terminal only.
        log: Print the logs at the end.
        record: Write the history to a file in this folder, for `tiphys replay`.
        output: json, yaml or name instead of the tree.
    """
    chosen, word = choose_runtime(runtime)
    if word:
        print(word, file=sys.stderr)
    options = Options(parse_answers(answer), parallel, watch, log, output, record)
    if resume:
        return uvloop.run(_run(resume, None, [], chosen, options))
    documents = list(read_documents((*files, *(with_ or ()))))
    manifest = workflow_in(documents)
    set_parameters(manifest.value, parameters_of(parameter, parameter_file))
    if entrypoint:
        manifest.value["spec"]["entrypoint"] = entrypoint
    _check(manifest, documents)
    for warning in warnings(documents):
        print(warning, file=sys.stderr)
    meta = manifest.value.setdefault("metadata", {})
    name = str(meta.get("name") or f"{meta.get('generateName', 'run-')}{secrets.token_hex(3)[:5]}")
    meta |= {"name": name, "namespace": NAMESPACE}
    meta.pop("generateName", None)
    shared = [document for document in documents if document.kind in _SHARED]
    return uvloop.run(_run(name, manifest.value, shared, chosen, options))


class Options(msgspec.Struct, frozen=True):
    """How a run is gone through and shown."""

    answers: dict[str, str]
    parallel: int
    watch: bool
    log: bool
    output: str
    record: str = ""


def parse_answers(given: list[str] | None) -> dict[str, str]:
    """Output or node name -> its answer; empty for a node that is just let go on."""
    return {name: value for name, _, value in (text.partition("=") for text in given or ())}


def _check(manifest: Document, documents: list[Document]) -> None:
    faults = judge(manifest, library_of(documents))
    if faults:
        told = [f"{fault.file}:{fault.line}:{fault.column}: {fault.path}: {fault.reason}" for fault in faults]
        raise SpecError("\n".join(told), hint="templates of other objects are given by --with FOLDER")


async def _run(name: str, manifest: Manifest | None, shared: list[Document], runtime: Runtime, options: Options) -> int:
    if manifest is None:
        name = _unfinished(name)
    else:
        await _make_place(name)
    async with machine_for(name, runtime, options.parallel, options.record) as machine:
        for document in shared:
            _share(machine, document)
        if manifest is not None:
            machine.store.create(Place(ARGO, "workflows", NAMESPACE, name), manifest)
        return await _follow(machine, name, options)


def _unfinished(name: str) -> str:
    """The name of the run to go on with; `@latest` is the newest that has not ended."""
    opened = open_state()
    try:
        known = [one for one in opened.store.find(ARGO, "workflows") if (one.get("status") or {}).get("phase") not in COMPLETED]
    finally:
        opened.state.close()
    if name == "@latest" and known:
        return str(max(known, key=lambda one: one["metadata"]["creationTimestamp"])["metadata"]["name"])
    if not any(one["metadata"]["name"] == name for one in known):
        raise NotFound(f"no unfinished run {name}", hint="tiphys list --local shows all")
    return name


async def _make_place(name: str) -> None:
    """A finished run of the same name makes place for a new one; the archive keeps it."""
    opened = open_state(name)
    try:
        for one in opened.store.find(ARGO, "workflows"):
            if one["metadata"]["name"] == name:
                if (one.get("status") or {}).get("phase") not in COMPLETED:
                    raise SpecError(f"a run {name} has not ended", hint=f"go on with: tiphys run --resume {name}")
                async with opened.api:
                    await archive_ended(opened.api, Where(local=True))
                opened.state.forget(name)
    finally:
        opened.state.close()


def _share(machine: Machine, document: Document) -> None:
    group, plural, is_namespaced = _SHARED[document.kind]
    place = Place(group, plural, NAMESPACE if is_namespaced else "", document.name)
    with contextlib.suppress(Refusal):
        machine.store.remove(place)
    made = {key: value for key, value in document.value.items() if key not in ("apiVersion", "kind")}
    machine.store.create(place, _encoded(made) if document.kind == "Secret" else made)


def _encoded(secret: Manifest) -> Manifest:
    """A Secret as an API server keeps it: what it says in plain text is encoded."""
    plain = {key: base64.b64encode(str(text).encode()).decode() for key, text in (secret.get("stringData") or {}).items()}
    kept = {key: value for key, value in secret.items() if key != "stringData"}
    return {**kept, "data": {**(secret.get("data") or {}), **plain}}


async def _follow(machine: Machine, name: str, options: Options) -> int:
    """Stay until the workflow has ended, or somebody interrupts; show it; the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    going = loop.create_task(_until_end(machine, name, options))
    waiting = loop.create_task(stop.wait())
    await asyncio.wait([going, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not going.done():
        going.cancel()
        # a view gives the terminal back before anything is said on it
        await asyncio.gather(going, return_exceptions=True)
        print(f"\nstopped; go on with: tiphys run --resume {name}", file=sys.stderr)
        return _INTERRUPTED
    workflow = await going
    print_workflow(workflow, options.output)
    if options.log and not options.output:
        _print_logs(machine, workflow)
    return exit_code(workflow)


async def _until_end(machine: Machine, name: str, options: Options) -> Workflow:
    if not (options.watch and is_terminal()):
        return await _until_over(machine, name, options, may_ask=True)
    answering = asyncio.get_running_loop().create_task(_until_over(machine, name, options, may_ask=False))
    try:
        await _view(machine, name)
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    # whoever leaves the view before the end waits for it without one
    return await _until_over(machine, name, options, may_ask=True)


async def _until_over(machine: Machine, name: str, options: Options, *, may_ask: bool) -> Workflow:
    async with answering(machine.api, options.answers, may_ask=may_ask) as look:
        async for one in machine.changes(name):
            workflow = parse_workflow(one)
            look(workflow)
    return workflow


async def _view(machine: Machine, name: str) -> None:
    """Show the run on the screen, until it has ended or the view is left; Ctrl-C there is one for the run."""
    from tiphys.cli.live import INTERRUPTED, LiveView, Scene
    from tiphys.cli.shell import run_shell

    async def changes() -> AsyncIterator[Workflow]:
        async for one in machine.changes(name):
            yield parse_workflow(one)

    async def shell(workflow: Workflow, node: NodeStatus) -> None:
        await run_shell(machine.shell(pod_name(workflow, node)))

    view = LiveView(Scene(machine.api, NAMESPACE, name, changes, shell, now))
    showing = asyncio.get_running_loop().create_task(view.run_async())
    try:
        left = await asyncio.shield(showing)
    except asyncio.CancelledError:
        # its library ends a view that is asked to end, not one that is cancelled
        view.exit(INTERRUPTED)
        await asyncio.wait([showing], timeout=_LEAVING_SECONDS)
        raise
    if left == INTERRUPTED:
        signal.raise_signal(signal.SIGINT)


def _print_logs(machine: Machine, workflow: Workflow) -> None:
    from tiphys.local.api import log_file
    from tiphys.model.record import MARK

    for node in sorted(workflow.status.nodes.values(), key=lambda node: str(node.started_at or "")):
        if node.type != "Pod":
            continue
        pod = pod_name(workflow, node)
        path = log_file(machine.api.logs, NAMESPACE, pod, "main")
        if path.exists():
            for line in path.read_text(errors="replace").splitlines():
                if not line.startswith(MARK.decode() if isinstance(MARK, bytes) else MARK):
                    print(f"{pod}: {line}")


