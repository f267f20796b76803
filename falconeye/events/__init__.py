"""What happens on this node, as typed events on one bus; lives on the loop.

Must not import storage or anything above; carries values only.
"""
