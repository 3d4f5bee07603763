"""For tests of workflows and of Tiphys: a world without a cluster, on a clock of its own."""
