"""Work that takes longer than a request: exports now; moves and rebuilds have their place here."""
