"""What watches a stream now: WebSocket viewers, pictures and stills, `live.mp4`.

Knows no HTTP framework and no camera: it gets hubs.
"""
