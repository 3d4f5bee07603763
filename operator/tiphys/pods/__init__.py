"""Pods as data: a node becomes a manifest, a pod status becomes a report. No I/O."""
