"""Rollkeeper keeps scale sets on the newest OS image."""
