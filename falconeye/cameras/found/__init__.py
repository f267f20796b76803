"""Cameras that discovery or a file tells of, and how they become configured ones."""
