"""Looks at a node and the machine it runs on, and says what to do."""
