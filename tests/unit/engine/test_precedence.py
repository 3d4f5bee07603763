import msgspec
import pytest
import yaml

from tiphys.engine.precedence import merged_spec
from tiphys.model.parse import parse_as, to_json
from tiphys.model.spec import WorkflowSpec


def spec_of(text):
    return parse_as(WorkflowSpec, yaml.safe_load(text) or {})


CASES = {
    "what only the weak says stays": ("{}", "serviceAccountName: weak", "serviceAccountName: weak"),
    "what only the strong says stays": ("serviceAccountName: strong", "{}", "serviceAccountName: strong"),
    "a text of the strong wins": ("entrypoint: a", "entrypoint: b", "entrypoint: a"),
    "a number of the strong wins": ("parallelism: 1", "parallelism: 2", "parallelism: 1"),
    "zero is said": ("activeDeadlineSeconds: 0", "activeDeadlineSeconds: 5", "activeDeadlineSeconds: 0"),
    "no is said": ("hostNetwork: false", "hostNetwork: true", "hostNetwork: false"),
    "an empty text is not said": ("onExit: ''", "onExit: bye", "onExit: bye"),
    "suspend is the workflow's alone": ("{}", "suspend: true", "{}"),
    "suspend of the workflow stays": ("suspend: true", "suspend: false", "suspend: true"),
    "shutdown is taken like a text": ("{}", "shutdown: Stop", "shutdown: Stop"),
    "node selectors merge by key": (
        "nodeSelector: {a: '1', b: '2'}", "nodeSelector: {b: '3', c: '4'}", "nodeSelector: {a: '1', b: '2', c: '4'}"),
    "pod metadata merges by key": (
        "podMetadata: {labels: {a: s}}", "podMetadata: {labels: {a: w, b: w}, annotations: {c: w}}",
        "podMetadata: {labels: {a: s, b: w}, annotations: {c: w}}"),
    "workflow metadata merges by key": (
        "workflowMetadata: {labels: {a: s}}", "workflowMetadata: {labels: {b: w}, annotations: {c: w}}",
        "workflowMetadata: {labels: {a: s, b: w}, annotations: {c: w}}"),
    "labels by expression merge by label": (
        "workflowMetadata: {labelsFrom: {a: {expression: s}}}", "workflowMetadata: {labelsFrom: {a: {expression: w}, b: {expression: w}}}",
        "workflowMetadata: {labelsFrom: {a: {expression: s}, b: {expression: w}}}"),
    "hooks merge by name": (
        "hooks: {exit: {template: s}}", "hooks: {running: {template: w, expression: 'true'}}",
        "hooks: {exit: {template: s}, running: {template: w, expression: 'true'}}"),
    "a hook is taken whole": (
        "hooks: {exit: {template: s}}", "hooks: {exit: {template: w, expression: 'true'}}", "hooks: {exit: {template: s}}"),
    "time to live merges field by field": (
        "ttlStrategy: {secondsAfterSuccess: 1}", "ttlStrategy: {secondsAfterSuccess: 9, secondsAfterFailure: 2}",
        "ttlStrategy: {secondsAfterSuccess: 1, secondsAfterFailure: 2}"),
    "pod collection merges field by field": (
        "podGC: {strategy: OnPodSuccess}", "podGC: {strategy: OnPodCompletion, deleteDelayDuration: 3s}",
        "podGC: {strategy: OnPodSuccess, deleteDelayDuration: 3s}"),
    "retry strategy merges field by field": (
        "retryStrategy: {limit: '2'}", "retryStrategy: {limit: '5', retryPolicy: Always}", "retryStrategy: {limit: '2', retryPolicy: Always}"),
    "security context merges field by field": (
        "securityContext: {runAsUser: 1}", "securityContext: {runAsUser: 2, fsGroup: 3}", "securityContext: {runAsUser: 1, fsGroup: 3}"),
    "artifact collection merges field by field": (
        "artifactGC: {strategy: Never}", "artifactGC: {strategy: OnWorkflowDeletion, serviceAccountName: w}",
        "artifactGC: {strategy: Never, serviceAccountName: w}"),
    "a parameter of the strong takes the place of the weak one": (
        "arguments: {parameters: [{name: a, value: s}]}", "arguments: {parameters: [{name: a, value: w}, {name: b, value: w}]}",
        "arguments: {parameters: [{name: a, value: s}, {name: b, value: w}]}"),
    "a parameter is taken whole": (
        "arguments: {parameters: [{name: a, value: s}]}",
        "arguments: {parameters: [{name: a, value: w, description: d, enum: [w, x]}]}",
        "arguments: {parameters: [{name: a, value: s}]}"),
    "a value takes the place of a source": (
        "arguments: {parameters: [{name: a, value: s}]}",
        "arguments: {parameters: [{name: a, valueFrom: {configMapKeyRef: {name: m, key: k}}}]}",
        "arguments: {parameters: [{name: a, value: s}]}"),
    "a source takes the place of a value": (
        "arguments: {parameters: [{name: a, valueFrom: {configMapKeyRef: {name: m, key: k}}}]}",
        "arguments: {parameters: [{name: a, value: w}]}",
        "arguments: {parameters: [{name: a, valueFrom: {configMapKeyRef: {name: m, key: k}}}]}"),
    "an empty value is said": (
        "arguments: {parameters: [{name: a, value: ''}]}", "arguments: {parameters: [{name: a, value: w}]}",
        "arguments: {parameters: [{name: a, value: ''}]}"),
    "a parameter of the workflow alone comes last": (
        "arguments: {parameters: [{name: z, value: s}]}", "arguments: {parameters: [{name: a, value: w}]}",
        "arguments: {parameters: [{name: a, value: w}, {name: z, value: s}]}"),
    "the weak order of parameters stays": (
        "arguments: {parameters: [{name: b, value: s}, {name: a, value: s}]}",
        "arguments: {parameters: [{name: a, value: w}, {name: b, value: w}]}",
        "arguments: {parameters: [{name: a, value: s}, {name: b, value: s}]}"),
    "an artifact of the same store merges field by field": (
        "arguments: {artifacts: [{name: a, s3: {key: s}}]}", "arguments: {artifacts: [{name: a, path: /p, s3: {key: w, bucket: b}}]}",
        "arguments: {artifacts: [{name: a, path: /p, s3: {key: s, bucket: b}}]}"),
    "an artifact of another store leaves the weak store": (
        "arguments: {artifacts: [{name: a, raw: {data: s}}]}", "arguments: {artifacts: [{name: a, path: /p, s3: {key: w}}]}",
        "arguments: {artifacts: [{name: a, path: /p, raw: {data: s}}]}"),
    "artifacts and parameters do not meet": (
        "arguments: {parameters: [{name: a, value: s}]}", "arguments: {artifacts: [{name: a, raw: {data: w}}]}",
        "arguments: {parameters: [{name: a, value: s}], artifacts: [{name: a, raw: {data: w}}]}"),
    "volumes merge by name": (
        "volumes: [{name: v, emptyDir: {}}]", "volumes: [{name: v, hostPath: {path: /}}, {name: w, emptyDir: {}}]",
        "volumes: [{name: v, hostPath: {path: /}, emptyDir: {}}, {name: w, emptyDir: {}}]"),
    "image pull secrets merge by name": (
        "imagePullSecrets: [{name: a}]", "imagePullSecrets: [{name: b}, {name: a}]", "imagePullSecrets: [{name: b}, {name: a}]"),
    "host aliases merge by address": (
        "hostAliases: [{ip: 1.1.1.1, hostnames: [s]}]", "hostAliases: [{ip: 1.1.1.1, hostnames: [w]}, {ip: 2.2.2.2}]",
        "hostAliases: [{ip: 1.1.1.1, hostnames: [s]}, {ip: 2.2.2.2}]"),
    "tolerations merge by key": (
        "tolerations: [{key: a, effect: NoSchedule}]", "tolerations: [{key: a, operator: Exists}, {key: b}]",
        "tolerations: [{key: a, operator: Exists, effect: NoSchedule}, {key: b}]"),
    "templates merge by name": (
        "templates: [{name: a, container: {image: s}}]",
        "templates: [{name: a, container: {image: w, command: [c]}}, {name: b, container: {image: w}}]",
        "templates: [{name: a, container: {image: s, command: [c]}}, {name: b, container: {image: w}}]"),
    "inputs of templates merge by name": (
        "templates: [{name: a, inputs: {parameters: [{name: x, value: s}]}}]",
        "templates: [{name: a, inputs: {parameters: [{name: y}, {name: x, default: w}]}}]",
        "templates: [{name: a, inputs: {parameters: [{name: y}, {name: x, default: w, value: s}]}}]"),
    "claim templates are taken whole": (
        "volumeClaimTemplates: [{metadata: {name: a}}]", "volumeClaimTemplates: [{metadata: {name: b}}]",
        "volumeClaimTemplates: [{metadata: {name: a}}]"),
    "an absent list leaves the weak one": ("{}", "tolerations: [{key: b}]", "tolerations: [{key: b}]"),
    "affinity merges down to its lists": (
        "affinity: {podAffinity: {x: [1]}}", "affinity: {podAffinity: {x: [2], y: 3}, nodeAffinity: {z: 1}}",
        "affinity: {podAffinity: {x: [1], y: 3}, nodeAffinity: {z: 1}}"),
    "locks of the strong win": (
        "synchronization: {mutexes: [{name: s}]}", "synchronization: {mutexes: [{name: w}]}", "synchronization: {mutexes: [{name: s}]}"),
    "template defaults merge field by field": (
        "templateDefaults: {timeout: 1s}", "templateDefaults: {timeout: 9s, serviceAccountName: w}",
        "templateDefaults: {timeout: 1s, serviceAccountName: w}"),
    "the reference stays": ("workflowTemplateRef: {name: t}", "entrypoint: a", "{workflowTemplateRef: {name: t}, entrypoint: a}"),
}  # fmt: skip


@pytest.mark.parametrize(("strong", "weak", "want"), CASES.values(), ids=CASES)
def test_the_strong_spec_lies_over_the_weak(strong, weak, want):
    assert to_json(merged_spec(spec_of(strong), spec_of(weak))) == to_json(spec_of(want))


def test_the_first_of_three_specs_is_the_strongest():
    made = merged_spec(spec_of("entrypoint: a"), spec_of("{entrypoint: b, onExit: b}"), spec_of("{onExit: c, priority: 3}"))
    assert (made.entrypoint, made.on_exit, made.priority) == ("a", "b", 3)


@pytest.mark.parametrize("text", [case[0] for case in CASES.values()], ids=CASES)
def test_merging_with_nothing_changes_nothing(text):
    spec = spec_of(text)
    assert merged_spec(spec, WorkflowSpec()) == spec
    assert merged_spec(WorkflowSpec(), spec) == msgspec.structs.replace(spec, suspend=None)


def test_merging_twice_is_merging_once():
    for strong, weak, _ in CASES.values():
        once = merged_spec(spec_of(strong), spec_of(weak))
        assert merged_spec(spec_of(strong), once) == once
