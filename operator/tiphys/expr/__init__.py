"""Expression dialects compiled to closures. No I/O, no clock, no randomness."""
