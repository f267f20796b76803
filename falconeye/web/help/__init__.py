"""The help: its topics, how they are read, and how they are searched. All of it is in the wheel."""
