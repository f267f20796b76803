"""FalconEye: a network video recorder for small clusters, one Python process per node."""

__version__ = "0.1.0.dev0"
