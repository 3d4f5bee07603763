"""The pure state machine of one workflow: events in, actions out. No I/O, no clock, no randomness."""
