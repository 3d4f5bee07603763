"""Programs that run in pods: for resource templates."""
