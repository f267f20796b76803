"""Certificates for browsers: those of files, and those of the cluster's own authority."""
