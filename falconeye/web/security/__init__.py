"""Who is asking, and may they: the shell around every route of the web application.

`authentication.py` (beside this package) says who, `access.py` declares and checks what a route
needs, `csrf.py` and `origin.py` refuse what another site made a browser send. A route without a
declaration is refused.
"""
