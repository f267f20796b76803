"""The HTML pages; do not know the API."""
