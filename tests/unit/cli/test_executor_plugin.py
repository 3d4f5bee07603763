"""`executor-plugin build`: what it writes is what the controller reads."""

import pathlib

import pytest
import yaml

from tiphys.cli.executor_plugin import build
from tiphys.errors import NotFound, SpecError
from tiphys.pods.agent import plugin_of_config_map

DESCRIPTION = """
apiVersion: argoproj.io/v1alpha1
kind: ExecutorPlugin
metadata: {name: hello, annotations: {workflows.argoproj.io/description: says hello}}
spec:
  sidecar:
    automountServiceAccountToken: true
    container:
      name: hello
      image: python:3.8
      command: [python, -c]
      ports: [{containerPort: 4355}]
"""
PROGRAM = "import http.server\nprint('{{not a tag}}')\n"


def test_a_plugin_and_its_program_become_the_config_map_that_the_controller_reads(tmp_path: pathlib.Path) -> None:
    (tmp_path / "plugin.yaml").write_text(DESCRIPTION)
    (tmp_path / "server.py").write_text(PROGRAM)
    assert build(str(tmp_path)) == 0
    text = (tmp_path / "hello-executor-plugin-configmap.yaml").read_text()
    made = yaml.safe_load(text)
    assert made["metadata"] == {
        "name": "hello-executor-plugin",
        "labels": {"workflows.argoproj.io/configmap-type": "ExecutorPlugin"},
        "annotations": {"workflows.argoproj.io/description": "says hello"},
    }
    assert made["data"]["sidecar.automountServiceAccountToken"] == "true"
    plugin = plugin_of_config_map(made["metadata"]["name"], made["data"])
    assert (plugin.name, plugin.container["args"], plugin.server.address) == ("hello", [PROGRAM], "http://localhost:4355")
    assert "import http.server\n" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("kind: ExecutorPlugin", "kind: Plugin"), "one ExecutorPlugin"),
        (("name: hello, ", ""), "with a name"),
        (("      ports: [{containerPort: 4355}]\n", ""), "must say a port"),
        (("image: python:3.8", "tty: true"), "with an image"),
        (("container:", "other:"), "container is required"),
    ],
)
def test_what_no_controller_could_use_is_told_and_nothing_written(tmp_path: pathlib.Path, change: tuple[str, str], said: str) -> None:
    (tmp_path / "plugin.yaml").write_text(DESCRIPTION.replace(*change, 1))
    with pytest.raises(SpecError, match=said):
        build(str(tmp_path))
    assert not list(tmp_path.glob("*configmap*"))


def test_a_folder_without_a_description_or_with_two_programs_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"plugin\.yaml"):
        build(str(tmp_path))
    (tmp_path / "plugin.yaml").write_text(DESCRIPTION)
    for name in ("server.py", "server.sh"):
        (tmp_path / name).write_text("")
    with pytest.raises(SpecError, match=r"server\.py, server\.sh"):
        build(str(tmp_path))
