"""Small workflows made from a seed: every construct of the language that decides what runs when.

What they do does not depend on the order in which pods end (no `failFast`, no output that two nodes write), so that a run with
faults must end exactly as one without.
"""

import random
from typing import Any

Spec = dict[str, Any]
_SEMAPHORE = {"semaphores": [{"configMapKeyRef": {"name": "limits", "key": "two"}}]}
_MEMO = {"key": "{{pod.name}}", "cache": {"configMap": {"name": "cache"}}}
_RESULT = "{{steps.%s.outputs.result}}"


class SpecMaker:
    """Makes one spec; the same seed makes the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 a seed must make the same workflow again
        self._templates: list[Spec] = []
        self._bodies = 0
        # a daemon that takes up the only place under a limit would rightly hold everything back for ever
        self._has_limits = self._random.random() < 0.5

    def make(self) -> Spec:
        """A spec."""
        roll = self._random
        spec: Spec = {"entrypoint": self._body(2)}
        if roll.random() < 0.3:
            spec["onExit"] = self._pick(["leaf", "flaky", self._body(1)])
        if self._has_limits and roll.random() < 0.4:
            spec["parallelism"] = roll.randint(1, 3)
        if roll.random() < 0.3:
            spec["podGC"] = {"strategy": self._pick(["OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion"])}
        return {**spec, "templates": [*self._leaves(), *self._templates]}

    def _pick(self, choices: list[Any]) -> Any:
        return self._random.choice(choices)

    def _leaves(self) -> list[Spec]:
        inputs = {"parameters": [{"name": "m", "value": "-"}]}
        container = {"image": "i", "command": ["c"], "args": ["{{inputs.parameters.m}}"]}
        policy, limit = self._pick(["Always", "OnFailure", "OnError"]), self._random.randint(0, 2)
        retry: Spec = {"limit": limit, "retryPolicy": policy}
        if self._random.random() < 0.5:
            retry["backoff"] = {"duration": str(self._random.randint(1, 20)), "factor": 2}
        return [
            {"name": "leaf", "inputs": inputs, "container": container},
            {"name": "flaky", "inputs": inputs, "container": container, "retryStrategy": retry},
            {"name": "locked", "inputs": inputs, "container": container, "synchronization": {"mutexes": [{"name": "one"}]}},
            {"name": "limited", "inputs": inputs, "container": container, "synchronization": _SEMAPHORE,
             **({"retryStrategy": {"limit": 1}} if self._random.random() < 0.5 else {})},
            {"name": "kept", "inputs": inputs, "container": container, "memoize": _MEMO},
            {"name": "wait", "inputs": inputs, "suspend": {"duration": str(self._random.randint(1, 9))}},
            {"name": "server", "inputs": inputs, "daemon": True, "container": container},
        ]  # fmt: skip

    def _body(self, depth: int) -> str:
        self._bodies += 1
        name = f"body{self._bodies}"
        body: Spec = {"name": name, "inputs": {"parameters": [{"name": "m", "value": "-"}]}}
        if self._has_limits and self._random.random() < 0.4:
            body["parallelism"] = self._random.randint(1, 2)
        if self._random.random() < 0.15:
            body["retryStrategy"] = {"limit": 1}
        kind = self._steps if self._random.random() < 0.5 else self._dag
        body |= kind(depth)
        self._templates.append(body)
        return name

    def _callee(self, depth: int) -> str:
        choices = ["leaf"] * 6 + ["flaky"] * 2 + ["wait", "locked", "limited", "kept"]
        if depth > 1:
            choices += ["*"] * 2
        chosen = str(self._pick(choices))
        return self._body(depth - 1) if chosen == "*" else chosen

    def _steps(self, depth: int) -> Spec:
        groups: list[list[Spec]] = []
        before: list[Spec] = []
        for i in range(self._random.randint(1, 3)):
            group = [self._call(f"s{i}{j}", depth, before, "steps") for j in range(self._random.randint(1, 3))]
            groups.append(group)
            before += group
        if not self._has_limits and self._random.random() < 0.2:
            groups[0].append({"name": "daemon", "template": "server"})
        return {"steps": groups}

    def _dag(self, depth: int) -> Spec:
        tasks: list[Spec] = []
        has_depends = self._random.random() < 0.7
        for i in range(self._random.randint(1, 5)):
            task = self._call(f"t{i}", depth, [], "tasks")
            if has_depends:
                task.pop("continueOn", None)
            if tasks and self._random.random() < 0.7:
                task |= self._waits_for(tasks, has_depends=has_depends)
            tasks.append(task)
        return {"dag": {"tasks": tasks, "failFast": False}}

    def _waits_for(self, tasks: list[Spec], *, has_depends: bool) -> Spec:
        names = [str(task["name"]) for task in self._random.sample(tasks, min(len(tasks), self._random.randint(1, 2)))]
        if not has_depends:
            return {"dependencies": names}
        loops = {task["name"] for task in tasks if "withItems" in task}
        suffixes = ["", "", "", ".Succeeded", ".Failed", ".Errored", ".Skipped", ".Omitted"]
        parts = [name + self._pick([*suffixes, ".AnySucceeded", ".AllFailed"] if name in loops else suffixes) for name in names]
        parts = [f"!{part}" if self._random.random() < 0.1 else part for part in parts]
        return {"depends": self._pick([" && ", " || "]).join(parts)}

    def _call(self, name: str, depth: int, before: list[Spec], kind: str) -> Spec:
        roll = self._random
        call: Spec = {"name": name, "template": self._callee(depth)}
        certain = [step for step in before if step["template"] == "leaf" and not {"withItems", "when"} & step.keys()]
        readable = [step["name"] for step in certain]
        if readable and roll.random() < 0.4:
            call["arguments"] = {"parameters": [{"name": "m", "value": _RESULT % self._pick(readable)}]}
        if roll.random() < 0.15:
            call["withItems"] = [f"i{n}" for n in range(roll.randint(1, 3))]
        elif roll.random() < 0.05:
            call["withParam"] = "[]"
        if roll.random() < 0.15:
            call["when"] = self._pick(["1 == 1", "1 == 2", "oops =="])
        if roll.random() < 0.15:
            call["continueOn"] = {self._pick(["failed", "error"]): True}
        if roll.random() < 0.1:
            call["onExit"] = "leaf"
        elif roll.random() < 0.1:
            phase = self._pick(["Succeeded", "Failed"])
            call["hooks"] = {"done": {"template": "leaf", "expression": f'{kind}["{name}"].status == "{phase}"'}}
        return call
