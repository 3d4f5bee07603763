"""A small Kubernetes API server in this process, with pods that live and die by a script, and faults on demand.

It keeps what controllers rely on: resourceVersions, uids, selectors, merge patches with preconditions, deletion with grace and
finalizers, garbage collection by owner, watches with bookmarks, 410 Gone. `tests/contract` holds it to what the real one does.
"""

from tiphys.local.objects import Refusal, Store
from tiphys.testing.apiserver.faults import Call, Fault
from tiphys.testing.apiserver.kubelet import Ending, Kubelet
from tiphys.testing.apiserver.server import APIServer

__all__ = ["APIServer", "Call", "Ending", "Fault", "Kubelet", "Refusal", "Store"]
