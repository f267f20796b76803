"""What other nodes ask of this one, and the door by which they come.

Their requests lead into the same application as those of people: whoever acts through another node
may here what `accounts.may` says here. The routes under `/peer/` are for nodes themselves.
"""
