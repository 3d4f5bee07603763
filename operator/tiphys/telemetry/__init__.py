"""Metrics and logs, each in one place."""
