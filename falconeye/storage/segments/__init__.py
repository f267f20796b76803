"""Footage as files and rows: written, recovered, listed, deleted."""
