"""A span of footage as one MP4 file."""
