"""Decides what happens to a scale set: pure functions, no I/O, no clock, no randomness.

`decide(snapshot, now)` in `rollkeeper.engine.decide` is the entry; the rules of the rulebook are one file a concern.
"""
