"""Claims are made before the first pod, once, and never taken from somebody else; parameters are read from ConfigMaps."""

from typing import Any

import pytest
from tests.integration.controller.conftest import Harbour, place

from tiphys.testing.apiserver import Call, Fault

CLAIMS = """
entrypoint: a
volumeClaimGC: {strategy: OnWorkflowSuccess}
volumeClaimTemplates: [{metadata: {name: work}, spec: {resources: {requests: {storage: 1Gi}}}}]
templates: [{name: a, container: {image: i, command: [c], volumeMounts: [{name: work, mountPath: /w}]}}]
"""
KEEPING = CLAIMS.replace("OnWorkflowSuccess", "Never")
VALUES = """
entrypoint: a
arguments: {parameters: [{name: p, valueFrom: {configMapKeyRef: {name: sizes, key: small}}}]}
templates: [{name: a, inputs: {parameters: [{name: own, value: "{{workflow.parameters.p}}"}]}, container: {image: i, command: [c]}}]
"""


def claims(harbour: Harbour) -> list[dict[str, Any]]:
    return harbour.server.store.find("api/v1", "persistentvolumeclaims")


def is_about_claims(call: Call) -> bool:
    return call.kind == "persistentvolumeclaims" and call.is_effect


@pytest.mark.parametrize("lost", [0, 2])
async def test_a_claim_is_there_before_the_pod_that_mounts_it(harbour: Harbour, lost: int) -> None:
    harbour.server.faults.append(Fault("lose", times=lost, matches=is_about_claims))
    await harbour.controller()
    harbour.submit(KEEPING)
    await harbour.finished("w")
    assert [claim["metadata"]["name"] for claim in claims(harbour)] == ["w-work"]
    assert claims(harbour)[0]["metadata"]["ownerReferences"][0]["uid"] == harbour.workflow()["metadata"]["uid"]
    volume = {"name": "work", "persistentVolumeClaim": {"claimName": "w-work"}}
    assert harbour.pods()[0]["spec"]["volumes"] == [volume]
    added = [change.place.plural for change in harbour.server.store.changes if change.type == "ADDED"]
    assert added.index("persistentvolumeclaims") < added.index("pods")


async def test_a_server_that_is_away_makes_the_workflow_wait_and_say_so(harbour: Harbour) -> None:
    harbour.server.faults.append(Fault("answer", status=503, times=6, matches=is_about_claims))
    await harbour.controller()
    harbour.submit(CLAIMS)
    await harbour.until(lambda: harbour.status().get("message", "").startswith("Waiting for a PVC to be created. "))
    assert harbour.status()["phase"] == "Pending"
    await harbour.finished("w")
    assert (harbour.status()["phase"], harbour.status().get("message", "")) == ("Succeeded", "")


async def test_a_claim_of_somebody_else_is_not_taken(harbour: Harbour) -> None:
    harbour.server.store.create(place("w-work", "persistentvolumeclaims"), {"metadata": {"name": "w-work"}})
    await harbour.controller()
    harbour.submit(CLAIMS)
    await harbour.finished("w")
    assert harbour.status()["phase"] == "Error"
    assert harbour.status()["message"] == 'pvc create error: persistentvolumeclaim "w-work" exists and belongs to somebody else'


async def test_a_controller_that_died_between_claim_and_status_takes_the_claim_up(harbour: Harbour) -> None:
    life = await harbour.controller()
    harbour.server.faults.append(Fault("answer", status=503, times=10_000, matches=lambda call: call.verb == "patch"))
    harbour.submit(KEEPING)
    await harbour.until(lambda: bool(claims(harbour)))
    await harbour.kill(life)
    harbour.server.faults.clear()
    await harbour.controller()
    await harbour.finished("w")
    assert harbour.status()["phase"] == "Succeeded"
    assert len(claims(harbour)) == 1


async def test_a_parameter_is_read_from_its_config_map_though_the_server_stumbles(harbour: Harbour) -> None:
    labels = {"workflows.argoproj.io/configmap-type": "Parameter"}
    harbour.server.store.create(place("sizes", "configmaps"), {"metadata": {"name": "sizes", "labels": labels}, "data": {"small": "7"}})
    harbour.server.faults.append(Fault("answer", status=500, times=3, matches=lambda call: call.name == "sizes"))
    await harbour.controller()
    harbour.submit(VALUES)
    await harbour.finished("w")
    assert harbour.status()["nodes"]["w"]["inputs"]["parameters"] == [{"name": "own", "value": "7"}]
