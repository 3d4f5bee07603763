"""This machine as a cluster: objects kept here, and programs run here. The engine and the controller are the same as there."""
