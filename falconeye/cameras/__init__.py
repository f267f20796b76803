"""The cameras of this node: registry and one pipeline per camera.

Read `pipeline.py` first: it wires one camera on one screen. Must not import accounts or the web.
"""
