"""What tells that a device is the configured camera, and where its login may go."""
