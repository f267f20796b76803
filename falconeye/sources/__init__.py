"""Where samples come from: RTSP, HTTP MJPEG, demo. One daemon thread per stream."""
