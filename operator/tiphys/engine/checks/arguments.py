"""Arguments, inputs and outputs: values where they must be, and only there.

Source: argo-semantics 23.4.
Differs from Argo: an `enum` that is written but empty is the same as none, since absent and empty are the same to the model.
"""

from tiphys.engine.checks.naming import check_parameter_names
from tiphys.engine.templates import kind_of
from tiphys.errors import SpecError
from tiphys.model.arguments import Arguments, Artifact, Parameter, ValueFrom
from tiphys.model.parse import nearest
from tiphys.model.template import Template

_LOCATIONS = ("artifactory", "azure", "gcs", "git", "hdfs", "http", "oss", "plugin", "raw", "s3")
_KIND_NAMES = {"container": "Container", "script": "Script", "resource": "Resource", "steps": "Steps", "dag": "DAG"}
_VALUE_KINDS = {
    "path": "path",
    "jq_filter": "jqFilter",
    "json_path": "jsonPath",
    "parameter": "parameter",
    "supplied": "raw",
    "expression": "expression",
}


def check_arguments(
    arguments: Arguments, path: str, faults: list[SpecError], *, may_lack: bool = False, lacks_values: bool = False
) -> None:
    """What a caller hands over.

    Args:
        arguments: The arguments.
        path: Where they stand.
        faults: What is wrong with them is added.
        may_lack: Parameters need no values and artifacts no locations: somebody else may say them.
        lacks_values: Parameters need no values yet, as in Argo's linter; artifacts do.
    """
    check_parameter_names((parameter.name for parameter in arguments.parameters), f"{path}.parameters", faults)
    check_parameter_names((artifact.name for artifact in arguments.artifacts), f"{path}.artifacts", faults)
    for parameter in arguments.parameters:
        _check_argument(parameter, path, faults, may_lack_values=may_lack or lacks_values)
    for artifact in arguments.artifacts:
        _check_artifact(artifact, path, faults, may_lack=may_lack)


def _check_argument(parameter: Parameter, path: str, faults: list[SpecError], *, may_lack_values: bool) -> None:
    name, value, source = parameter.name, parameter.value, parameter.value_from
    if source is not None:
        allowed = ValueFrom(default=source.default, config_map_key_ref=source.config_map_key_ref, supplied=source.supplied)
        if source != allowed:
            faults.append(SpecError(f"{name}.valueFrom only allows: default, configMapKeyRef and supplied", path=path))
    if parameter.enum:
        if value is None and not may_lack_values and parameter.default is None:
            faults.append(SpecError(f"{name}.value is required", path=path))
        elif value is not None and "{{" not in value and value not in parameter.enum:
            message = f"{name}.value should be present in {path}.{name}.enum list{nearest(value, parameter.enum)}"
            faults.append(SpecError(message, path=path))
    elif value is None and source is None and parameter.default is None and not may_lack_values:
        faults.append(SpecError(f"{name}.value or {path}.{name}.valueFrom is required", path=path))


def has_location(artifact: Artifact) -> bool:
    """Whether the artifact says where it lives, or what it is."""
    return any(getattr(artifact, field) is not None for field in _LOCATIONS)


def _check_artifact(artifact: Artifact, path: str, faults: list[SpecError], *, may_lack: bool) -> None:
    if artifact.from_ and artifact.from_expression:
        faults.append(SpecError(f"{artifact.name} shouldn't have both `from` and `fromExpression` in Artifact", path=path))
    elif not (may_lack or artifact.optional or artifact.from_ or artifact.from_expression or has_location(artifact)):
        faults.append(SpecError(f"{artifact.name}.from, artifact location, or key is required", path=path))
    if artifact.git is not None and not artifact.git.repo:
        faults.append(SpecError(f"{artifact.name}.git.repo is required", path=path))


def check_inputs(template: Template, path: str, faults: list[SpecError]) -> None:
    """What a template takes."""
    inputs = template.inputs
    check_parameter_names((parameter.name for parameter in inputs.parameters), f"{path}.inputs.parameters", faults)
    check_parameter_names((artifact.name for artifact in inputs.artifacts), f"{path}.inputs.artifacts", faults)
    for artifact in inputs.artifacts:
        where = f"{path}.inputs.artifacts.{artifact.name}"
        if artifact.path and kind_of(template) in ("steps", "dag"):
            faults.append(SpecError("path only valid in container/script templates", path=where))
        if artifact.from_:
            faults.append(SpecError("from not valid in inputs", path=where))
        if ".." in artifact.path.split("/"):
            faults.append(SpecError("Directory traversal is not permitted", path=where))
        if artifact.git is not None and not artifact.git.repo:
            faults.append(SpecError("git.repo is required", path=where))


def check_outputs(template: Template, path: str, faults: list[SpecError]) -> None:
    """What a template gives back."""
    outputs = template.outputs
    check_parameter_names((parameter.name for parameter in outputs.parameters), f"{path}.outputs.parameters", faults)
    check_parameter_names((artifact.name for artifact in outputs.artifacts), f"{path}.outputs.artifacts", faults)
    for parameter in outputs.parameters:
        _check_output(parameter, kind_of(template), f"{path}.outputs.parameters.{parameter.name}", faults)


def _check_output(parameter: Parameter, kind: str, path: str, faults: list[SpecError]) -> None:
    source = parameter.value_from
    if source is None:
        if parameter.value is None:
            faults.append(SpecError("does not have valueFrom or value specified", path=path))
        return
    if parameter.value is not None:
        faults.append(SpecError("has both valueFrom and value specified, choose one", path=path))
    ways = [word for field, word in _VALUE_KINDS.items() if getattr(source, field)]
    if source.supplied is not None and "raw" not in ways:
        ways.append("raw")
    choice = ", ".join(_VALUE_KINDS.values())
    if len(ways) > 1:
        faults.append(SpecError(f"multiple valueFrom types specified. choose one of: {choice}", path=path))
    elif not ways and source.event == "" and source.config_map_key_ref is None:
        faults.append(SpecError(f"valueFrom type unspecified. choose one of: {choice}", path=path))
    else:
        _check_way(source, kind, path, faults)


def _check_way(source: ValueFrom, kind: str, path: str, faults: list[SpecError]) -> None:
    if kind in ("container", "script") and not source.path:
        faults.append(SpecError(f"path must be specified for {_KIND_NAMES[kind]} templates", path=path))
    elif kind == "resource" and not (source.jq_filter or source.json_path):
        faults.append(SpecError("jqFilter or jsonPath must be specified for Resource templates", path=path))
    elif kind in ("steps", "dag") and not (source.parameter or source.expression):
        faults.append(SpecError(f"parameter or expression must be specified for {_KIND_NAMES[kind]} templates", path=path))


def check_supplied(template: Template, arguments: Arguments, path: str, faults: list[SpecError]) -> None:
    """Whether a call hands over all that the template needs."""
    given = {parameter.name for parameter in arguments.parameters}
    wanted = {parameter.name for parameter in template.inputs.parameters}
    for parameter in template.inputs.parameters:
        has_own = parameter.value is not None or parameter.default is not None or parameter.value_from is not None
        if has_own or parameter.name in given or "{{" in parameter.name:
            continue
        faults.append(SpecError(f"inputs.parameters.{parameter.name} was not supplied", path=path,
                                hint=_misspelt(parameter.name, given - wanted)))  # fmt: skip
    handed = {artifact.name for artifact in arguments.artifacts}
    faults += [
        SpecError(f"inputs.artifacts.{artifact.name} was not supplied", path=path)
        for artifact in template.inputs.artifacts
        if not (artifact.optional or artifact.name in handed or has_location(artifact))
    ]


def _misspelt(name: str, strange: set[str]) -> str:
    guess = nearest(name, strange)
    return f"the argument {guess.split(chr(39))[1]!r} fits no input" if guess else ""
