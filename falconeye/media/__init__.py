"""The vocabulary of encoded media: samples, parameters, fragments, boxes, pictures.

With `sources` the only home of PyAV. Pure functions and values where possible; no threads, no
files, no clock of its own.
"""
