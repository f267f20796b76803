"""What watches a stream now: WebSocket viewers, MJPEG, posters and snapshots, live.mp4. Knows no HTTP framework."""
