"""Real servers on loopback for the tests: each starts on a port of its own and ends with the test run."""
