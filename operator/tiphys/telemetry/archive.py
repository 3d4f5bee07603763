"""Metrics of the archive and of packed nodes."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class ArchiveMetrics:
    """What an administrator watches: whether the database answers, and how much waits for it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        r = registry
        self.backlog = Gauge("tiphys_archive_backlog", "Finished workflows that wait to be archived.", registry=r)
        self.refused = Gauge("tiphys_archive_refused", "Finished workflows that the archive does not take, kept.", registry=r)
        self.is_up = Gauge("tiphys_archive_up", "Whether the last statement reached the archive.", registry=r)
        self.archived = Counter("tiphys_archived_workflows", "Workflows written to the archive.", registry=r)
        self.failures = Counter("tiphys_archive_failures", "Writes to the archive that failed, by error.", ["code"], registry=r)
        self.seconds = Histogram("tiphys_archive_seconds", "Seconds to archive a workflow.", buckets=_SECONDS, registry=r)
        self.purged = Counter("tiphys_archive_purged", "Archived workflows forgotten by age.", registry=r)
        self.packed = Counter("tiphys_packed_status_writes", "Statuses written compressed or offloaded.", ["how"], registry=r)
