"""`make demo`: Rollkeeper at work on a local cluster with simulated nodes, in a minute, without Docker and root.

It plays the story of `examples/` (three good versions and a broken one), shows it as it happens, and checks it: what it
claims was read from the API server, and anything else ends it with an error.
"""
