"""The SQLite index: its file, schema, one writer, and the data directory it lies in."""
