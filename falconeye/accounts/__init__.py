"""Who may do what: users, roles, sessions, tokens, set-up links, the audit log. Knows no HTTP."""
