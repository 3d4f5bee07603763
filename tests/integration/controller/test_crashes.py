"""The controller is killed before and after every single thing that it does to the world, and another one takes over.

No pod may be made twice, no node be lost, nothing run on, and the end must be that of a life without a crash.
"""

import asyncio
import json
import random
from collections import Counter
from typing import Any

import pytest
from tests.integration.controller.conftest import Harbour, Life, harbour_with

from tiphys.model.names import fnv1a32
from tiphys.testing.apiserver import Call, Ending, Fault
from tiphys.testing.invariants import check_same, end_of
from tiphys.testing.random_spec import SpecMaker

AT_ONCE = 6

SEEDS = {
    "one pod": "{entrypoint: main, templates: [{name: main, container: {image: i, command: [a]}}]}",
    "retries and an exit handler": """
        entrypoint: main
        onExit: bye
        templates:
        - name: main
          steps: [[{name: flaky, template: flaky}], [{name: after, template: one}]]
        - {name: flaky, retryStrategy: {limit: 2, backoff: {duration: "1s"}}, container: {image: i, command: [a]}}
        - {name: one, container: {image: i, command: [a]}}
        - {name: bye, container: {image: i, command: [a]}}
        """,
    "a loop and its outputs": """
        entrypoint: main
        templates:
        - name: main
          steps:
          - [{name: make, template: make}]
          - - {name: use, template: use, arguments: {parameters: [{name: x, value: "{{item}}-{{steps.make.outputs.result}}"}]},
               withItems: [a, b, c]}
        - {name: make, script: {image: i, command: [sh], source: echo}}
        - {name: use, inputs: {parameters: [{name: x}]}, container: {image: i, command: [a], args: ["{{inputs.parameters.x}}"]}}
        """,
    "a graph that fails, with pods that are collected": """
        entrypoint: main
        podGC: {strategy: OnPodCompletion, deleteDelayDuration: "0s"}
        templates:
        - name: main
          dag:
            tasks:
            - {name: a, template: one}
            - {name: bad, template: one, depends: a}
            - {name: c, template: one, depends: a}
            - {name: never, template: one, depends: bad && c}
            - {name: instead, template: one, depends: bad.Failed}
        - {name: one, container: {image: i, command: [a]}}
        """,
    "a daemon for the next step, and a result that is read from the log": """
        entrypoint: main
        templates:
        - name: main
          steps:
          - [{name: endless, template: daemon}]
          - [{name: long, template: script}]
          - [{name: use, template: use, arguments: {parameters: [{name: x, value: "{{steps.long.outputs.result}}"}]}}]
        - {name: daemon, daemon: true, container: {image: i, command: [a]}}
        - {name: script, script: {image: i, command: [sh], source: echo}}
        - {name: use, inputs: {parameters: [{name: x}]}, container: {image: i, command: [a]}}
        """,
    "one at a time, a lock, a pause and a hook": """
        entrypoint: main
        parallelism: 1
        synchronization: {mutexes: [{name: m}]}
        hooks: {running: {template: one, expression: workflow.status == "Running"}}
        templates:
        - name: main
          steps:
          - [{name: a, template: locked}, {name: b, template: locked}]
          - [{name: pause, template: pause}]
          - [{name: c, template: one}]
        - {name: locked, synchronization: {mutexes: [{name: n}]}, container: {image: i, command: [a]}}
        - {name: one, container: {image: i, command: [a]}}
        - {name: pause, suspend: {duration: "2s"}}
        """,
    "locks, a memo and a hook": """
        entrypoint: main
        synchronization: {mutexes: [{name: all}]}
        hooks: {ok: {expression: 'workflow.status == "Succeeded"', template: one}}
        templates:
        - name: main
          steps: [[{name: locked, template: locked, withItems: [a, b]}, {name: kept, template: kept}]]
        - {name: locked, synchronization: {mutexes: [{name: one}, {name: "two"}]}, container: {image: i, command: [a]}}
        - name: kept
          memoize: {key: k, cache: {configMap: {name: cache}}}
          synchronization: {mutexes: [{name: kept}]}
          script: {image: i, command: [sh], source: echo}
          outputs: {parameters: [{name: p, valueFrom: {path: /p}}]}
        - {name: one, container: {image: i, command: [a]}}
        """,
    "claims and a budget": """
        entrypoint: main
        volumeClaimTemplates: [{metadata: {name: work}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
        volumeClaimGC: {strategy: OnWorkflowCompletion}
        podDisruptionBudget: {minAvailable: "100%"}
        templates:
        - name: main
          steps: [[{name: a, template: one}], [{name: bad, template: one}]]
        - {name: one, container: {image: i, command: [a], volumeMounts: [{name: work, mountPath: /work}]}}
        """,
    "a time that is over": """
        entrypoint: main
        activeDeadlineSeconds: 60
        templates:
        - name: main
          steps: [[{name: quick, template: one}, {name: endless, template: one}]]
        - {name: one, container: {image: i, command: [a]}}
        """,
}


def behave(pod: dict[str, Any]) -> Ending:
    name = pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]
    if name.endswith("endless"):
        return Ending(hangs=True)
    if "flaky" in name and not name.endswith("(2)"):
        return Ending(exit_code=1)
    if name.endswith("bad"):
        return Ending(exit_code=3)
    return Ending(result="made" * (3000 if name.endswith("long") else 1), parameters={"p": "made"})


class Crash:
    """Strikes at the effect number `index`: before it is done, or after that and before its answer."""

    def __init__(self, harbour: Harbour, index: int, *, is_after: bool) -> None:
        self.happened = asyncio.Event()
        self._harbour = harbour
        self._left = index
        does = "lose" if is_after else "drop"
        harbour.server.faults.append(Fault(does, matches=self._is_here))

    def _is_here(self, call: Call) -> bool:
        if not call.is_effect or call.kind == "events":
            return False
        self._left -= 1
        if self._left == -1:
            self._harbour.server.is_down = True
            self.happened.set()
        return self._left == -1


def end(harbour: Harbour) -> dict[str, Any]:
    """What must not depend on crashes."""
    status = harbour.status()
    nodes = {
        node["name"]: (node["phase"], node.get("message", ""), node.get("outputs", {}), node.get("daemoned"))
        for node in status["nodes"].values()
    }
    return {"phase": status["phase"], "message": status.get("message", ""), "nodes": nodes, "outputs": status.get("outputs")}


def made(harbour: Harbour) -> Counter[str]:
    """Name -> how many pods of it were ever made."""
    return Counter(c.place.name for c in harbour.server.store.changes if c.type == "ADDED" and c.place.plural == "pods")


def running(harbour: Harbour) -> list[str]:
    return [p["metadata"]["name"] for p in harbour.pods() if p["status"]["phase"] in ("Pending", "Running")]


def left(harbour: Harbour) -> list[str]:
    """Claims and budgets that outlived their workflow."""
    found = harbour.server.store.find
    return [one["metadata"]["name"] for one in (*found("api/v1", "persistentvolumeclaims"), *found("apis/policy/v1", "poddisruptionbudgets"))]


async def take_over(harbour: Harbour, crash: Crash, life: Life) -> None:
    """Another controller starts once the first one has died."""
    await crash.happened.wait()
    await harbour.kill(life)
    harbour.server.is_down = False
    await harbour.controller()


async def play(seed: str, index: int = -1, *, is_after: bool = False) -> tuple[bool, dict[str, Any], Counter[str]]:
    """Whether there was such an effect to crash at, the end, and the pods that were made."""
    async with harbour_with(behave) as harbour:
        crash = Crash(harbour, index, is_after=is_after) if index >= 0 else None
        harbour.submit(SEEDS[seed])
        life = await harbour.controller()
        rescue = asyncio.ensure_future(take_over(harbour, crash, life)) if crash is not None else None
        await harbour.finished("w")
        # the last effects may come after the end was written
        await harbour.until(lambda: not running(harbour) and not left(harbour))
        if rescue is not None and crash is not None and crash.happened.is_set():
            await rescue
            await harbour.until(lambda: not running(harbour) and not left(harbour))
        elif rescue is not None:
            rescue.cancel()
        return crash is not None and crash.happened.is_set(), end(harbour), made(harbour)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_crash_at_any_effect_changes_nothing(seed: str) -> None:
    _, expected, pods = await play(seed)
    assert set(pods.values()) == {1}

    async def strike(index: int, *, is_after: bool) -> bool:
        happened, found, again = await play(seed, index, is_after=is_after)
        assert found == expected, (index, is_after)
        assert again == pods, (index, is_after)
        return happened

    struck, index = 0, 0
    while True:
        places = [(index + i // 2, bool(i % 2)) for i in range(AT_ONCE)]
        happened = await asyncio.gather(*(strike(at, is_after=is_after) for at, is_after in places))
        struck += sum(happened)
        index += AT_ONCE // 2
        if not any(happened):
            break
    # each pod is one effect at least, and the first and the last status are two
    assert struck >= 2 * (len(pods) + 2)


# --- workflows that nobody thought of


def random_end(pod: dict[str, Any]) -> Ending:
    """Some pods fail; which ones, their nodes' names decide."""
    name = pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]
    if pod["metadata"]["labels"].get("tiphys-daemon") or ".server" in name or "server" in pod["metadata"]["name"]:
        return Ending(hangs=True)
    return Ending(exit_code=1 if fnv1a32(name) % 4 == 0 else 0, result='["a","b"]', seconds=0.1)


async def survive(spec: dict[str, Any], crashes: list[tuple[int, bool]]) -> dict[str, Any]:
    """The end of a workflow whose controller is killed after so many effects, and again after so many more."""
    async with harbour_with(random_end) as harbour:
        harbour.submit(json.dumps(spec))
        life = await harbour.controller()
        finished = asyncio.ensure_future(harbour.finished("w", seconds=600))
        for index, is_after in crashes:
            crash = Crash(harbour, index, is_after=is_after)
            happened = asyncio.ensure_future(crash.happened.wait())
            await asyncio.wait([finished, happened], return_when=asyncio.FIRST_COMPLETED)
            happened.cancel()
            if not crash.happened.is_set():
                harbour.server.faults.clear()
                break
            await harbour.kill(life)
            harbour.server.is_down = False
            life = await harbour.controller()
        await finished
        assert set(made(harbour).values()) <= {1}
        await harbour.until(lambda: not running(harbour))
        found = end_of(harbour.status())
        for node in found["nodes"].values():
            # a result may be kept and the status that says so not be written: then it is found when all is decided again
            node.pop("memoizationStatus", None)
        return found


@pytest.mark.parametrize("seed", range(12))
async def test_crashes_at_random_change_nothing_of_random_workflows(seed: int) -> None:
    roll = random.Random(seed)  # noqa: S311 the same each time
    spec = SpecMaker(seed).make()
    expected = await survive(spec, [])
    plans = [[(roll.randint(0, 9), roll.random() < 0.5) for _ in range(6)] for _ in range(4)]
    for found in await asyncio.gather(*(survive(spec, plan) for plan in plans)):
        check_same(expected, found)
