"""ONVIF calls: devices, media, PTZ and events, by one set of parsed WSDLs."""
