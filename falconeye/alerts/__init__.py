"""Says when something that should record does not: in the UI, by messages, and by staying silent.

Must not import accounts, web or anything above. Contacts nothing unless an admin has set where to.
"""
