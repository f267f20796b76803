"""Clocks, times, errors, tasks, counters, redaction: what every layer may use.

Knows nothing about video, storage or the web and imports nothing of FalconEye.
"""
