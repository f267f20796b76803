"""What is kept besides footage: cameras, accounts, settings, notices, jobs, the audit log."""
