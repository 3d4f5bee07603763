"""Every rule of a right manifest, and that right manifests are right."""

import pathlib

import pytest
import yaml

from tiphys.engine.validate import check_workflow, find_faults
from tiphys.errors import SpecError
from tiphys.model.parse import parse_workflow
from tiphys.model.template import Template
from tiphys.testing.world import workflow_of

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"
ECHO = "{name: echo, inputs: {parameters: [{name: m, value: hi}]}, container: {image: i}}"
ASKS = "{name: asks, inputs: {parameters: [{name: message}], artifacts: [{name: file, path: /f}]}, container: {image: i}}"
GIVES = "{name: gives, container: {image: i}, outputs: {parameters: [{name: out, valueFrom: {path: /o}}], artifacts: [{name: art, path: /a}]}}"


def faults(spec: str, **options: object) -> list[str]:
    return [str(fault) for fault in find_faults(workflow_of(spec), **options)]


def of_template(template: str, *others: str) -> list[str]:
    return faults(f"entrypoint: a\ntemplates: [{', '.join((template, *others))}]")


def of_steps(*groups: str) -> list[str]:
    return of_template(f"{{name: a, steps: [{', '.join(f'[{group}]' for group in groups)}]}}", ECHO, ASKS, GIVES)


def of_tasks(*tasks: str, more: str = "") -> list[str]:
    return of_template(f"{{name: a, dag: {{{more}tasks: [{', '.join(tasks)}]}}}}", ECHO, ASKS, GIVES)


def of_container(fields: str) -> list[str]:
    return of_template(f"{{name: a, container: {{image: i}}, {fields}}}")


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("templates: []", "spec.entrypoint is required"),
        (f"entrypoint: ecko\ntemplates: [{ECHO}]", "spec.entrypoint: template name 'ecko' undefined, did you mean 'echo'?"),
        (f"entrypoint: echo\nonExit: bye\ntemplates: [{ECHO}]", "spec.onExit: template name 'bye' undefined"),
        (f"entrypoint: echo\npodGC: {{strategy: OnPodCompleted}}\ntemplates: [{ECHO}]",
         "spec: podGC.strategy unknown strategy 'OnPodCompleted', did you mean 'OnPodCompletion'?"),
        (f"entrypoint: echo\npodGC: {{labelSelector: {{matchExpressions: [{{key: a, operator: Is}}]}}}}\ntemplates: [{ECHO}]",
         "spec: podGC.labelSelector invalid: labelSelector.matchExpressions: unknown operator 'Is'"),
        (f"entrypoint: echo\npodResources: {{limits: {{nvidia.com/gpu: 1}}}}\ntemplates: [{ECHO}]",
         'spec.podResources: "nvidia.com/gpu" is not a valid pod-level resource, only cpu, memory and hugepages-* are supported'),
        (f"workflowTemplateRef: {{name: x}}\ntemplates: [{ECHO}]",
         "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"),
        (f"entrypoint: echo\nexecutorPlugins: [{{}}]\ntemplates: [{ECHO}]", "spec.executorPlugins[0]: spec.sidecar.container is required"),
        (f"entrypoint: echo\nhooks: {{running: {{template: echo}}}}\ntemplates: [{ECHO}]", "spec.hooks.running: Expression required"),
        (f"entrypoint: echo\nhooks: {{exit: {{template: nope}}}}\ntemplates: [{ECHO}]", "spec.hooks.exit: template name 'nope' undefined"),
        (f"entrypoint: echo\narguments: {{parameters: [{{name: p}}]}}\ntemplates: [{ECHO}]",
         "spec.arguments: p.value or spec.arguments.p.valueFrom is required"),
        (f"entrypoint: echo\narguments: {{parameters: [{{name: p, valueFrom: {{path: /x}}}}]}}\ntemplates: [{ECHO}]",
         "spec.arguments: p.valueFrom only allows: default, configMapKeyRef and supplied"),
        (f"entrypoint: echo\narguments: {{parameters: [{{name: p, enum: [red, green]}}]}}\ntemplates: [{ECHO}]",
         "spec.arguments: p.value is required"),
        (f"entrypoint: echo\narguments: {{parameters: [{{name: p, value: gren, enum: [red, green]}}]}}\ntemplates: [{ECHO}]",
         "spec.arguments: p.value should be present in spec.arguments.p.enum list, did you mean 'green'?"),
        (f"entrypoint: echo\narguments: {{parameters: [{{name: p, value: 1}}, {{name: p, value: 2}}]}}\ntemplates: [{ECHO}]",
         "spec.arguments.parameters[1]: name 'p' is not unique"),
        (f"entrypoint: echo\narguments: {{parameters: [{{name: 'a b', value: 1}}]}}\ntemplates: [{ECHO}]",
         "spec.arguments.parameters[0]: name: 'a b' is invalid: Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1"),
        (f"entrypoint: echo\narguments: {{artifacts: [{{name: f}}]}}\ntemplates: [{ECHO}]",
         "spec.arguments: f.from, artifact location, or key is required"),
        (f"entrypoint: echo\narguments: {{artifacts: [{{name: f, from: x, fromExpression: y}}]}}\ntemplates: [{ECHO}]",
         "spec.arguments: f shouldn't have both `from` and `fromExpression` in Artifact"),
        (f"entrypoint: echo\narguments: {{artifacts: [{{name: f, git: {{revision: x}}}}]}}\ntemplates: [{ECHO}]",
         "spec.arguments: f.git.repo is required"),
        (f"entrypoint: asks\ntemplates: [{ASKS}]", "templates.asks: inputs.parameters.message was not supplied"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_spec_is_told(spec, wanted):
    assert wanted in faults(spec)


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{name: a}", "templates.a: template type unspecified. choose one of: container, containerSet, steps, script, resource, dag, suspend, template, template ref"),
        ("{name: a, container: {image: i}, suspend: {}}", "templates.a: multiple template types specified. choose one of: container, containerSet, steps, script, resource, dag, suspend, template, template ref"),
        ("{name: a, container: {}}", "templates.a: container.image may not be empty"),
        ("{name: a, script: {source: x}}", "templates.a: script.image may not be empty"),
        ("{name: a.b, container: {image: i}}", "templates[0]: name: 'a.b' is invalid: name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric character (e.g. My-name1-2, 123-NAME)"),
        ("{container: {image: i}}", "templates[0]: name is required"),
        ("{name: a, container: {image: i, volumeMounts: [{name: x, mountPath: /m}, {name: y, mountPath: /m}]}}",
         "templates.a: container.volumeMounts[1].mountPath '/m' already mounted in container.volumeMounts[0].x"),
        ("{name: a, inputs: {artifacts: [{name: f, path: /m, raw: {data: x}}]}, container: {image: i, volumeMounts: [{name: x, mountPath: /m}]}}",
         "templates.a: inputs.artifacts[0].path '/m' already mounted in container.volumeMounts[0].x"),
        ("{name: a, containerSet: {containers: [{name: x, image: i}]}, outputs: {parameters: [{name: p, valueFrom: {path: /p}}]}}",
         'templates.a.containerSet.containers: must have a container named "main" for input or output'),
        ("{name: a, containerSet: {containers: [{name: wait, image: i}]}}", 'templates.a.containerSet.containers: "wait" is a reserved Argo container name'),
        ("{name: a, containerSet: {containers: [{name: x, image: i, dependencies: [yy]}, {name: y, image: i}]}}",
         "templates.a.containerSet.containers[0]: dependency 'yy' not defined, did you mean 'y'?"),
        ("{name: a, containerSet: {containers: [{name: x}]}}", "templates.a.containerSet.containers[0]: image may not be empty"),
        ("{name: a, resource: {action: creat, manifest: 'a: b'}}",
         "templates.a: resource.action must be one of: get, create, apply, delete, replace, patch, did you mean 'create'?"),
        ("{name: a, resource: {action: create}}", "templates.a: either templates.a.resource.manifest or templates.a.resource.manifestFrom must be specified"),
        ("{name: a, resource: {action: create, manifest: 'a: b', manifestFrom: {artifact: {name: f}}}}",
         "templates.a: shouldn't have both `manifest` and `manifestFrom` specified in `Manifest` for resource template"),
        ("{name: a, resource: {action: create, manifestFrom: {artifact: {name: f}}}}", "templates.a: artifact f in `manifestFrom` refer to a non-exist artifact"),
        ("{name: a, resource: {action: create, manifest: 'a: [b'}}", "templates.a: resource.manifest must be a valid yaml"),
        ("{name: a, parallelism: 2, container: {image: i}}", "templates.a: parallelism is only valid for steps and dag templates"),
        ("{name: a, timeout: 10s, steps: [[{name: x, template: echo}]]}", "templates.a: Steps template doesn't support timeout field"),
        ("{name: a, pendingTimeout: 10s, dag: {tasks: [{name: x, template: echo}]}}", "templates.a: DAG template doesn't support pendingTimeout field"),
        ("{name: a, activeDeadlineSeconds: 5, steps: [[{name: x, template: echo}]]}", "templates.a: activeDeadlineSeconds is only valid for leaf templates"),
        ("{name: a, podResources: {limits: {cpu: 1}}, suspend: {}}", "templates.a: podResources is not supported for Suspend templates"),
        ("{name: a, resourceClaims: [{name: x}], suspend: {}}", "templates.a: resourceClaims is not supported for Suspend templates, which do not create a pod"),
        ("{name: a, inputs: {artifacts: [{name: f, path: /x, raw: {data: d}}]}, steps: [[{name: x, template: echo}]]}",
         "templates.a.inputs.artifacts.f: path only valid in container/script templates"),
        ("{name: a, resource: {action: create, manifest: 'a: b'}, outputs: {parameters: [{name: p, valueFrom: {path: /x}}]}}",
         "templates.a.outputs.parameters.p: jqFilter or jsonPath must be specified for Resource templates"),
        ("{name: a, steps: [[{name: x, template: echo}]], outputs: {parameters: [{name: p, valueFrom: {path: /x}}]}}",
         "templates.a.outputs.parameters.p: parameter or expression must be specified for Steps templates"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_template_is_told(template, wanted):
    assert wanted in of_template(template, ECHO)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ("sidecars: [{name: wait}]", 'templates.a.sidecars: "wait" is a reserved Argo container name'),
        ("sidecars: [{name: artifact-plugin-x}]", 'templates.a.sidecars: "artifact-plugin-x" is a reserved Argo container name'),
        ("initContainers: [{image: i}]", "templates.a: initContainers must all have container name"),
        ("activeDeadlineSeconds: 0", "templates.a: activeDeadlineSeconds must be a positive integer > 0 or an argo variable"),
        ("activeDeadlineSeconds: soon", "templates.a: activeDeadlineSeconds must be a positive integer > 0 or an argo variable"),
        ("timeout: soon", "templates.a: a has invalid duration format in timeout: 'soon'"),
        ("podResources: {claims: [{name: x}]}", "templates.a.podResources: claims is not supported for pod-level resources"),
        ("podResources: {limits: {nvidia.com/gpu: 1}}",
         'templates.a.podResources: "nvidia.com/gpu" is not a valid pod-level resource, only cpu, memory and hugepages-* are supported'),
        ("retryStrategy: {retryPolicy: Sometimes}", "templates.a.retryStrategy: Sometimes is not a valid RetryPolicy"),
        ("metrics: {prometheus: [{name: a-b, help: h, gauge: {value: '1'}}]}",
         "templates.a: metric name 'a-b' is invalid. Metric names must contain alphanumeric characters or '_'"),
        ("metrics: {prometheus: [{name: 'a:b', help: h, gauge: {value: '1'}}]}",
         "templates.a: metric name 'a:b' is invalid. Metric names must contain alphanumeric characters or '_'"),
        ("metrics: {prometheus: [{name: m, help: h, labels: [{key: a.b, value: x}], gauge: {value: '1'}}]}",
         "templates.a: metric label 'a.b' is invalid: keys may only contain alphanumeric characters or '_'"),
        ("metrics: {prometheus: [{name: m, help: h, gauge: {realtime: true, value: '{{resourcesDuration.cpu}}'}}]}",
         "templates.a: metric 'm' error: 'resourcesDuration.*' metrics cannot be used in real-time"),
        ("metrics: {prometheus: [{name: m, gauge: {value: '1'}}]}", "templates.a: metric 'm' must contain a help string under 'help: ' field"),
        ("metrics: {prometheus: [{name: m, help: h}]}", "templates.a: metric 'm' error: must have one of: gauge, counter, histogram"),
        ("metrics: {prometheus: [{name: m, help: h, counter: {value: ''}}]}", "templates.a: metric 'm' error: missing counter.value"),
        ("metrics: {prometheus: [{name: m, help: h, histogram: {value: '1'}}]}", "templates.a: metric 'm' error: missing histogram.buckets"),
        ("inputs: {artifacts: [{name: f, path: /x, from: y, raw: {data: d}}]}", "templates.a.inputs.artifacts.f: from not valid in inputs"),
        ("inputs: {artifacts: [{name: f, path: /x/../y, raw: {data: d}}]}", "templates.a.inputs.artifacts.f: Directory traversal is not permitted"),
        ("inputs: {artifacts: [{name: f, path: /x, git: {revision: y}}]}", "templates.a.inputs.artifacts.f: git.repo is required"),
        ("outputs: {parameters: [{name: p}]}", "templates.a.outputs.parameters.p: does not have valueFrom or value specified"),
        ("outputs: {parameters: [{name: p, value: x, valueFrom: {path: /x}}]}",
         "templates.a.outputs.parameters.p: has both valueFrom and value specified, choose one"),
        ("outputs: {parameters: [{name: p, valueFrom: {default: x}}]}",
         "templates.a.outputs.parameters.p: valueFrom type unspecified. choose one of: path, jqFilter, jsonPath, parameter, raw, expression"),
        ("outputs: {parameters: [{name: p, valueFrom: {path: /x, jsonPath: y}}]}",
         "templates.a.outputs.parameters.p: multiple valueFrom types specified. choose one of: path, jqFilter, jsonPath, parameter, raw, expression"),
        ("outputs: {parameters: [{name: p, valueFrom: {expression: x}}]}", "templates.a.outputs.parameters.p: path must be specified for Container templates"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_fields_of_a_pod_template_is_told(fields, wanted):
    assert wanted in of_container(fields)


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        (["{name: x, template: ecko}"], "templates.a.steps[0][0]: template name 'ecko' undefined, did you mean 'echo'?"),
        (["{name: x}"], "templates.a.steps[0][0]: template name is required"),
        (["{name: x, template: echo, templateRef: {name: y, template: z}}"],
         "templates.a.steps[0][0]: template name cannot be specified with templateRef"),
        (["{name: x, templateRef: {template: z}}"], "templates.a.steps[0][0]: resource name is required"),
        (["{name: x, templateRef: {name: z}}"], "templates.a.steps[0][0]: template name is required"),
        (["{name: x, template: echo}", "{name: x, template: echo}"], "templates.a.steps[1]: name 'x' is not unique"),
        (["{template: echo}"], "templates.a.steps[0]: name is required"),
        (["{name: x, template: echo, withItems: [1], withParam: '[]'}"],
         "templates.a.steps[0][0]: only one of withItems, withParam, withSequence can be specified"),
        (["{name: x, template: echo, withSequence: {count: 1, end: 2}}"],
         "templates.a.steps[0][0]: only one of count or end can be defined in withSequence"),
        (["{name: x, template: echo, withSequence: {start: 1}}"],
         "templates.a.steps[0][0]: must have either end or count for withSequence"),
        (["{name: x, template: echo, onExit: ecko}"], "templates.a.steps[0][0].onExit: template name 'ecko' undefined, did you mean 'echo'?"),
        (["{name: x, template: echo, hooks: {h: {template: echo}}}"], "templates.a.steps[0][0].hooks.h: Expression required"),
        (["{name: x, template: echo, hooks: {exit: {template: ecko}}}"],
         "templates.a.steps[0][0].hooks.exit: template name 'ecko' undefined, did you mean 'echo'?"),
        (["{name: x, template: asks, arguments: {parameters: [{name: mesage, value: x}]}}"],
         "templates.a.steps[0][0]: inputs.parameters.message was not supplied"),
        (["{name: x, template: asks, arguments: {parameters: [{name: message, value: x}]}}"],
         "templates.a.steps[0][0]: inputs.artifacts.file was not supplied"),
        (["{name: x, template: echo, arguments: {parameters: [{name: m}]}}"],
         "templates.a.steps[0][0].arguments: m.value or templates.a.steps[0][0].arguments.m.valueFrom is required"),
        (["{name: x, template: gives}", "{name: y, template: echo, arguments: {parameters: [{name: m, value: '{{steps.x.outputs.parameters.uot}}'}]}}"],
         "templates.a.steps[1][0]: failed to resolve {{steps.x.outputs.parameters.uot}}, did you mean 'steps.x.outputs.parameters.out'?"),
        (["{name: x, template: gives}, {name: y, template: echo, when: '{{steps.x.outputs.result}} == 1'}"],
         "templates.a.steps[0][1]: failed to resolve {{steps.x.outputs.result}}"),
        (["{name: x, template: echo, withItems: [{k: 1}], arguments: {parameters: [{name: m, value: '{{item.j}}'}]}}"],
         "templates.a.steps[0][0]: failed to resolve {{item.j}}, did you mean 'item.k'?"),
        (["{name: x, template: echo, arguments: {parameters: [{name: m, value: '{{item.j}}'}]}}"],
         "templates.a.steps[0][0]: failed to resolve {{item.j}}"),
        (["{name: x, template: gives}", "{name: y, template: echo, when: '{{steps.x.ip}} == 1'}"], "templates.a.steps[1][0]: failed to resolve {{steps.x.ip}}"),
        (["{name: x, template: echo, arguments: {parameters: [{name: m, value: '{{workflow.parameters.no}}'}]}}"],
         "templates.a.steps[0][0]: failed to resolve {{workflow.parameters.no}}"),
        (["{name: x, template: echo, when: '{{workflow.failures}} == 1'}"], "templates.a.steps[0][0]: failed to resolve {{workflow.failures}}"),
        (["{name: x, template: echo, when: '{{workflow.labels.app}} == 1'}"], "templates.a.steps[0][0]: failed to resolve {{workflow.labels.app}}"),
        (["{name: x, template: echo, when: '{{tasks.x.status}} == 1'}"], "templates.a.steps[0][0]: failed to resolve {{tasks.x.status}}"),
        (["{name: x, template: echo, when: '{{oops == 1'}"],
         "templates.a.steps[0][0]: Cannot find end tag=\"}}\" in the template='{{oops == 1' starting from 'oops == 1'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_steps_is_told(groups, wanted):
    assert any(found.startswith(wanted) for found in of_steps(*groups)), of_steps(*groups)


@pytest.mark.parametrize(
    ("tasks", "wanted"),
    [
        ([], "templates.a: must have at least one task"),
        (["{name: x, template: echo, dependencies: [yy]}", "{name: y, template: echo}"],
         "templates.a.tasks.x: dependency 'yy' not defined, did you mean 'y'?"),
        (["{name: x, template: echo, depends: 'y.Finished'}", "{name: y, template: echo}"],
         "templates.a.tasks.x: invalid depends 'y.Finished': a task has no result 'Finished'"),
        (["{name: x, template: echo, depends: 'y.AnySucceeded'}", "{name: y, template: echo}"],
         "templates.a.tasks.x: dependency 'y' uses an items-based condition such as .AnySucceeded or .AllFailed but does not contain any items"),
        (["{name: 1x, template: echo, depends: y}", "{name: y, template: echo}"],
         "templates.a.tasks.1x: name cannot begin with a digit when using either 'depends' or 'dependencies'"),
        (["{name: x, template: echo, depends: y}", "{name: y, template: echo}", "{name: z, template: echo, dependencies: [y]}"],
         "templates.a: cannot use both 'depends' and 'dependencies' in the same DAG template"),
        (["{name: x, template: echo, depends: y}", "{name: y, template: echo, continueOn: {failed: true}}"],
         "templates.a: cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'"),
        (["{name: x, template: echo, depends: y}", "{name: y, template: echo, depends: x}"], "templates.a: tasks dependency cycle detected: x->y->x"),
        (["{name: x, template: echo}", "{name: x, template: echo}"], "templates.a.tasks[1]: name 'x' is not unique"),
        (["{name: x, template: gives}", "{name: y, template: echo, arguments: {parameters: [{name: m, value: '{{tasks.x.outputs.parameters.out}}'}]}}"],
         "templates.a.tasks.y: missing dependency 'x' for parameter 'm'"),
        (["{name: x, template: gives}", "{name: y, template: asks, arguments: {parameters: [{name: message, value: 1}], artifacts: [{name: file, from: '{{tasks.x.outputs.artifacts.art}}'}]}}"],
         "templates.a.tasks.y: missing dependency 'x' for artifact 'file'"),
        (["{name: x, template: gives}", "{name: y, template: echo, depends: x, when: '{{tasks.x.outputs.parameters.no}} == 1'}"],
         "templates.a.tasks.y: failed to resolve {{tasks.x.outputs.parameters.no}}"),
        (["{name: x, inline: {container: {image: i, args: ['{{inputs.parameters.no}}']}}}"],
         "templates.a.x.inline: failed to resolve {{inputs.parameters.no}}"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_dag_is_told(tasks, wanted):
    assert any(found.startswith(wanted) for found in of_tasks(*tasks)), of_tasks(*tasks)


def test_a_target_that_is_no_task_is_told():
    found = of_tasks("{name: x, template: echo}", more="target: xx, ")
    assert found == ["templates.a: targets: target 'xx' is not defined, did you mean 'x'?"]


@pytest.mark.parametrize(
    "template",
    [
        "{name: a, inputs: {parameters: [{name: message, value: x}]}, container: {image: i, args: ['{{inputs.parameters.mesage}}']}}",
        "{name: a, inputs: {parameters: [{name: message, value: x}]}, script: {image: i, source: 'print({{inputs.parameters.mesage}})'}}",
        "{name: a, inputs: {parameters: [{name: message, value: x}]}, resource: {action: create, manifest: 'a: {{inputs.parameters.mesage}}'}}",
    ],
)
def test_an_unknown_variable_is_told_with_the_nearest_right_one(template):
    assert of_template(template) == [
        "templates.a: failed to resolve {{inputs.parameters.mesage}}, did you mean 'inputs.parameters.message'?"
    ]


def test_an_argument_that_fits_no_input_is_hinted_at():
    fault = find_faults(workflow_of(f"entrypoint: a\ntemplates: [{{name: a, steps: [[{{name: x, template: asks, arguments: {{parameters: [{{name: mesage, value: x}}]}}}}]]}}, {ASKS}]"))[0]
    assert (fault.message, fault.hint) == (
        "templates.a.steps[0][0]: inputs.parameters.message was not supplied",
        "the argument 'mesage' fits no input",
    )


def test_all_errors_are_found_and_the_controller_shows_the_first():
    spec = f"entrypoint: nope\narguments: {{parameters: [{{name: p}}]}}\ntemplates: [{{name: a}}, {ECHO}, {{name: b, script: {{}}}}]"
    assert len(faults(spec)) == 4
    with pytest.raises(SpecError) as caught:
        check_workflow(workflow_of(spec))
    assert caught.value.message == faults(spec)[0]


@pytest.mark.parametrize(("name", "fits"), [("x" * 63, True), ("x" * 64, False)])
def test_a_name_fits_into_a_label(name, fits):
    workflow = workflow_of(f"entrypoint: echo\ntemplates: [{ECHO}]", name)
    wanted = f'workflow name "{name}" must not be more than 63 characters long (currently 64)'
    assert [str(fault) for fault in find_faults(workflow)] == ([] if fits else [wanted])


def test_a_stored_template_may_lack_entrypoint_values_and_labels():
    spec = f"arguments: {{parameters: [{{name: p}}]}}\ntemplates: [{{name: a, container: {{image: '{{{{workflow.parameters.q}}}}', args: ['{{{{workflow.labels.x}}}}']}}}}, {ASKS}]"
    assert faults(spec, stored_as="workflow template") == []
    assert len(faults(spec)) == 4


def test_templates_of_other_objects_are_looked_up_when_they_can_be():
    spec = "entrypoint: a\ntemplates: [{name: a, steps: [[{name: x, templateRef: {name: o, template: t}}], [{name: y, templateRef: {name: o, template: u}, arguments: {parameters: [{name: m, value: '{{steps.x.outputs.result}}'}]}}]]}]"

    def lookup(ref):
        if ref.template == "t":
            return Template(name="t", container={"image": "i"})
        raise SpecError(f"template reference {ref.name}.{ref.template} not found")

    assert faults(spec) == []
    assert faults(spec, lookup=lookup) == ["templates.a.steps[1][0]: template reference o.u not found"]


RIGHT = {
    "outputs of any kind of step": of_steps("{name: x, template: gives}", "{name: y, template: echo, when: '{{steps.x.outputs.parameters.out}} == {{steps.x.exitCode}} {{steps.x.status}}'}"),
    "a step's own variables in its hooks": of_steps("{name: x, template: echo, hooks: {h: {template: echo, expression: 'true', arguments: {parameters: [{name: m, value: '{{steps.x.status}}'}]}}}}"),
    "items": of_steps("{name: x, template: echo, withItems: [{k: 1}], arguments: {parameters: [{name: m, value: '{{item.k}}{{item}}'}]}}"),
    "items of a list that is not known": of_steps("{name: x, template: echo, withParam: '[]', arguments: {parameters: [{name: m, value: '{{item.k}}'}]}}"),
    "what a loop puts out": of_steps("{name: x, template: gives, withItems: [1]}", "{name: y, template: echo, withParam: '{{steps.x.outputs.parameters}}'}"),
    "nested tags": of_container("metadata: {labels: {a: '{{inputs.parameters.{{workflow.name}}}}'}}"),
    "expressions": of_container("metadata: {labels: {a: '{{=inputs.parameters.nope}}'}}"),
    "tags of other languages": of_container("metadata: {labels: {a: '{{ .Values.x }} {{input.parameters.x}}'}}"),
    "the variables of every workflow": of_container("metadata: {labels: {a: '{{workflow.name}}{{workflow.creationTimestamp.Y}}{{workflow.status}}{{pod.name}}{{workflow.duration}}'}}"),
    "an ancestor far up": of_tasks("{name: x, template: gives}", "{name: y, template: echo, depends: x}", "{name: z, template: echo, depends: y, when: '{{tasks.x.outputs.parameters.out}} == 1'}"),
    "a time-out in plain seconds": of_container("timeout: '60'"),
    "a deadline by variable": of_container("activeDeadlineSeconds: '{{workflow.name}}'"),
    "an image that the template defaults give": faults("entrypoint: a\ntemplateDefaults: {container: {image: i}}\ntemplates: [{name: a, container: {args: [x]}}]"),
}  # fmt: skip


@pytest.mark.parametrize("what", RIGHT)
def test_what_is_right_is_not_complained_about(what):
    assert RIGHT[what] == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_right(path):
    for document in yaml.safe_load_all(path.read_text()):
        if document.get("kind") == "Workflow":
            name = document["metadata"].get("name") or document["metadata"]["generateName"] + "x"
            assert find_faults(parse_workflow({**document, "metadata": {**document["metadata"], "name": name}})) == []


def test_a_long_chain_of_tasks_that_read_each_other_is_right():
    tasks = [f"{{name: t{i}, template: echo" + (f", depends: t{i - 1}, when: '{{{{tasks.t{i - 1}.status}}}} == Succeeded'" if i else "") + "}"
             for i in range(300)]  # fmt: skip
    assert of_tasks(*tasks) == []
