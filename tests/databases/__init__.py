"""Real database servers for tests and benchmarks: started on loopback ports of their own, as an unprivileged user, in a folder of the test's."""
