"""Which node records which camera: owners, standbys, load, moves. Pure: no I/O, no clock."""
