"""Pages and player in a real browser."""
