"""Artifacts: what a template must say of its own, when they are deleted, how they are packed.

Source: argo-semantics 20.6, 23.4.
"""

from tiphys.engine.templates import kind_of
from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact
from tiphys.model.parse import nearest
from tiphys.model.template import Template
from tiphys.model.workflow import Workflow

STRATEGIES = ("OnWorkflowCompletion", "OnWorkflowDeletion", "Never")
_LARGEST_MODE = 0o777
_LEVELS = range(-1, 10)


def check_collection(workflow: Workflow, faults: list[SpecError]) -> None:
    """When the artifacts of a workflow are deleted."""
    spec = workflow.spec
    if spec.artifact_gc is not None:
        _check_strategy(spec.artifact_gc.strategy, "spec.artifactGC", faults)


def check_template_artifacts(template: Template, path: str, faults: list[SpecError]) -> None:
    """The artifacts that a pod template takes and gives back."""
    in_pod = kind_of(template) in ("container", "script")
    for side, artifacts in (("inputs", template.inputs.artifacts), ("outputs", template.outputs.artifacts)):
        for artifact in artifacts:
            where = f"{path}.{side}.artifacts.{artifact.name}"
            if in_pod and not artifact.path:
                faults.append(SpecError("path is required", path=where))
            _check_artifact(artifact, where, faults)


def _check_artifact(artifact: Artifact, where: str, faults: list[SpecError]) -> None:
    if artifact.mode is not None and not 0 <= artifact.mode <= _LARGEST_MODE:
        faults.append(SpecError(f"mode {artifact.mode} is not between 0 and {_LARGEST_MODE} (0777 in octal)", path=where))
    if artifact.artifact_gc is not None:
        _check_strategy(artifact.artifact_gc.strategy, f"{where}.artifactGC", faults)
    archive = artifact.archive
    if archive is None:
        return
    ways = [name for name in ("none", "tar", "zip") if getattr(archive, name) is not None]
    if len(ways) > 1:
        faults.append(SpecError(f"only one of {', '.join(ways)} can be specified", path=f"{where}.archive"))
    level = archive.tar.compression_level if archive.tar is not None else None
    if level is not None and level not in _LEVELS:
        faults.append(SpecError(f"compressionLevel {level} is not between -1 and 9", path=f"{where}.archive.tar"))


def _check_strategy(strategy: str, path: str, faults: list[SpecError]) -> None:
    if strategy and strategy not in STRATEGIES:
        faults.append(SpecError(f"unknown strategy '{strategy}'{nearest(strategy, STRATEGIES)}", path=path))
