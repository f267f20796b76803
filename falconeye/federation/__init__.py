"""Several nodes are one recorder: members, what they tell one another, who records what."""
