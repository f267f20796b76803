"""What running ONVIF cameras do beside streams: they move and tell of events."""
