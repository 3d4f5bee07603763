"""Drivers of the stores that artifacts live in, and how artifacts are packed; nothing here knows of workflows or pods."""
