"""Kubernetes, where there is one: a leader places the agents. Nothing else depends on it."""
