"""This node among the others (`web.others`), for what stands in this package."""

from falconeye.web.others import STATE_KEY, federation_of, federation_or_none

__all__ = ["STATE_KEY", "federation_of", "federation_or_none"]
