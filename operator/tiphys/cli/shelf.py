"""The templates that are stored in a cluster, as workflows refer to them."""

import msgspec

from tiphys.cli.documents import Document
from tiphys.cli.judge import library_of
from tiphys.cluster.api import Api
from tiphys.engine.library import CLUSTER, NAMESPACED, Library
from tiphys.errors import TiphysError
from tiphys.model.spec import WorkflowSpec


async def stored_library(api: Api, namespace: str) -> Library:
    """The stored templates of the namespace and the cluster; a kind that may not be read is a fault of its references.

    Raises:
        OutsideError, RefusedError: The namespace's own cannot be read.
    """
    specs, faults = dict[str, WorkflowSpec](), dict[str, str]()
    for kind, home, prefix in (("WorkflowTemplate", namespace, NAMESPACED), ("ClusterWorkflowTemplate", "", CLUSTER)):
        try:
            async for page in api.list(kind, home):
                part = library_of(Document("", {**msgspec.json.decode(raw), "kind": kind}, None) for raw in page.items)
                specs |= part.specs
                faults |= part.faults
        except TiphysError as e:
            if prefix == NAMESPACED:
                raise
            faults[prefix] = e.message
    return Library(specs, faults)
