"""The junction of one stream: samples in from the source's thread, out to recorder and viewers.

Holds the current GOP. The only place where media crosses from a thread to the loop. Must not
import storage, sources, recording or live.
"""
