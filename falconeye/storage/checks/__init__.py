"""`falconeye check`: do index, files and ledger agree? And the index made anew."""
