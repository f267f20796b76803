"""ONVIF calls: devices, media, PTZ and events, by one set of parsed WSDLs.

Begin with `device.OnvifDevice`. Callers import it where the first ONVIF camera is used.
"""
