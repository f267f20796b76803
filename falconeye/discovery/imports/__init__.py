"""Cameras out of the files of other recorders: motionEye, Frigate, and lists as CSV.

Pure reading: bytes in, values out. Nothing is asked of the network and nothing is stored.
`reading.read_import` is the way in. What is not taken over is told, never dropped.
"""
