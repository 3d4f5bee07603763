"""Schedules: when a cron workflow is due, and what is done about it. Pure, as all of the engine."""
