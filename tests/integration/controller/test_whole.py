"""Whole workflows on a controller: what is created, what is written, and what it costs."""

from tests.integration.controller.conftest import Harbour

HELLO = "{entrypoint: main, templates: [{name: main, container: {image: alpine, command: [a]}}]}"


async def test_a_workflow_succeeds_and_its_pod_is_there(harbour: Harbour) -> None:
    await harbour.controller()
    harbour.submit(HELLO)
    await harbour.finished("w")
    assert harbour.nodes() == {"w": "Succeeded"}
    labels = harbour.workflow()["metadata"]["labels"]
    assert labels["workflows.argoproj.io/completed"] == "true"
    assert [pod["status"]["phase"] for pod in harbour.pods()] == ["Succeeded"]
