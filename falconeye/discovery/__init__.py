"""Finds cameras: at USB ports, by WS-Discovery, by mDNS, by asking addresses, in files."""
