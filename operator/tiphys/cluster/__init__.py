"""Kubernetes: typed calls, watches, logs, events. The only importer of its client."""
