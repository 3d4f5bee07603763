"""What is wrong with artifacts is told before anything runs."""

import pytest

from tiphys.engine.validate import find_faults
from tiphys.testing.world import workflow_of

SPEC = """
entrypoint: a
%s
templates:
- name: a
  container: {image: i}
  %s: {artifacts: [{name: x, %s}]}
"""


@pytest.mark.parametrize(
    ("spec", "side", "artifact", "message"),
    [
        ("artifactGC: {strategy: OnCompletion}", "outputs", "path: /p",
         "spec.artifactGC: unknown strategy 'OnCompletion', did you mean 'OnWorkflowCompletion'?"),
        ("", "outputs", "path: /p, artifactGC: {strategy: never}",
         "templates.a.outputs.artifacts.x.artifactGC: unknown strategy 'never', did you mean 'Never'?"),
        ("", "outputs", "optional: true", "templates.a.outputs.artifacts.x: path is required"),
        ("", "inputs", "raw: {data: d}", "templates.a.inputs.artifacts.x: path is required"),
        ("", "inputs", "path: /p, raw: {data: d}, mode: 755",
         "templates.a.inputs.artifacts.x: mode 755 is not between 0 and 511 (0777 in octal)"),
        ("", "outputs", "path: /p, archive: {none: {}, zip: {}}",
         "templates.a.outputs.artifacts.x.archive: only one of none, zip can be specified"),
        ("", "outputs", "path: /p, archive: {tar: {compressionLevel: 11}}",
         "templates.a.outputs.artifacts.x.archive.tar: compressionLevel 11 is not between -1 and 9"),
    ],
)  # fmt: skip
def test_a_fault_of_an_artifact_names_its_place(spec, side, artifact, message):
    assert message in [str(fault) for fault in find_faults(workflow_of(SPEC % (spec, side, artifact)))]


@pytest.mark.parametrize("strategy", ["OnWorkflowCompletion", "OnWorkflowDeletion", "Never"])
def test_what_is_right_is_not_held_against_it(strategy):
    artifact = f"path: /p, mode: 493, archive: {{tar: {{compressionLevel: 0}}}}, artifactGC: {{strategy: {strategy}}}"
    assert find_faults(workflow_of(SPEC % (f"artifactGC: {{strategy: {strategy}}}", "outputs", artifact))) == []
