"""The coverage ledger: why a camera was not recorded, second by second."""
