"""Asks the applications of instances whether they are healthy (H4)."""
