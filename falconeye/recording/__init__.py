"""Turns a hub's samples into segments; decides when a segment and a recording begin and end."""
