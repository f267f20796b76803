"""The configuration that all nodes of a cluster share: what changed here, and elsewhere."""
