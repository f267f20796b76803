"""Pages, API, live sockets: the only home of Litestar and Jinja.

`app.py` builds the application from `Services`; handlers use nothing else.
"""
