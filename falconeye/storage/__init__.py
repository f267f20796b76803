"""Names, writes and finds what is on disk: media volumes and the SQLite index.

The only home of SQL. Must not import `hub`, sources, the web, or anything above.
"""
