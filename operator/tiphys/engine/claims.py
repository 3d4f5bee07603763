"""`volumeClaimTemplates`: claims of a workflow's own, there before its first pod.

Source: argo-semantics 1.4, 2.3, 21.3.
"""

from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.actions import CreateClaims
from tiphys.engine.events import ClaimsCreated, ClaimsDelayed, ClaimsRefused
from tiphys.model.base import Json
from tiphys.model.names import LABEL_WORKFLOW
from tiphys.model.phases import ERROR, PENDING, RUNNING

if TYPE_CHECKING:
    from tiphys.engine.run import Run


class Claims:
    """Whether the claims are there, and what becomes of the workflow while they are not."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._is_asked = False

    def are_there(self) -> bool:
        """Whether the entry point may start; asks for what is missing.

        A workflow that is being stopped starts no pod, and so needs no claim.
        """
        run = self._run
        wanted = run.spec.volume_claim_templates
        if len(run.status.persistent_volume_claims) >= len(wanted) or run.shutdown.strategy:
            return True
        if not self._is_asked:
            self._is_asked = True
            run.act(CreateClaims(tuple(self._manifest(template) for template in wanted)))
        return False

    def hear(self, event: ClaimsCreated | ClaimsDelayed | ClaimsRefused) -> None:
        """What came of asking."""
        run, status = self._run, self._run.status
        if not self._is_asked:
            return
        match event:
            case ClaimsCreated():
                run.status = msgspec.structs.replace(status, persistent_volume_claims=self._volumes())
                # runners are made from the workflow as it was read
                read = msgspec.structs.replace(run.workflow.status, persistent_volume_claims=self._volumes())
                run.workflow = msgspec.structs.replace(run.workflow, status=read)
                self._go_on()
            case ClaimsDelayed(message=message):
                text = f"Waiting for a PVC to be created. {message}"
                if (status.phase, status.message) != (PENDING, text):
                    run.lifecycle.set_phase(PENDING, text)
            case ClaimsRefused(message=message):
                self._is_asked = False
                run.lifecycle.set_phase(ERROR, f"pvc create error: {message}")

    def stopped(self) -> None:
        """The workflow may be being stopped: then nothing waits for claims any more."""
        if self._is_asked and self._run.shutdown.strategy:
            self._go_on()

    def _go_on(self) -> None:
        self._is_asked = False
        if self._run.status.phase == PENDING:
            self._run.lifecycle.set_phase(RUNNING, "")
        self._run.lifecycle.start_entry()

    def _name(self, template: Json) -> str:
        return f"{self._run.name}-{_own_name(template)}"

    def _volumes(self) -> tuple[Json, ...]:
        return tuple(
            {"name": _own_name(template), "persistentVolumeClaim": {"claimName": self._name(template)}}
            for template in self._run.spec.volume_claim_templates
        )

    def _manifest(self, template: Json) -> Json:
        workflow = self._run.workflow
        meta, own = workflow.metadata, template.get("metadata") or {}
        owner = {"apiVersion": workflow.api_version, "kind": workflow.kind, "name": meta.name, "uid": meta.uid}
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": self._name(template),
                "namespace": meta.namespace,
                "labels": {**(own.get("labels") or {}), LABEL_WORKFLOW: meta.name},
                "annotations": own.get("annotations") or {},
                "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
            },
            "spec": template.get("spec") or {},
        }


def _own_name(template: Json) -> str:
    return str((template.get("metadata") or {}).get("name", ""))
