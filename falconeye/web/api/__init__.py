"""The JSON API of notes in ARCHITECTURE.md; does not know the pages."""
