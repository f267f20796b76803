"""What a person decides: the node's settings and the cameras' configuration, as values.

Reads flags, environment and the TOML file; knows no database and no web.
"""
