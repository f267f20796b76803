"""The command line: parses words, calls the node's own parts, prints what came of it.

`parser.py` names for each command the function that runs it; that module is loaded only then, so
`falconeye version` and `--help` load neither PyAV nor Litestar nor SQLAlchemy.
"""
