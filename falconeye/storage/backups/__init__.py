"""Copies of what the node knows, footage apart: made, sealed, kept, and brought back."""
