"""Rows in: readers, splits, and the held-out test. Imports nothing of ours but core."""
