"""Disks: what touches them, on threads of their own."""
