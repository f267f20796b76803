"""Footage as people ask for it: recordings, timeline, playback, stills."""
