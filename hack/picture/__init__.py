"""The README's picture: what `kubectl rollkeeper status` shows of a real rollout.

`python -m hack.picture` draws it from a recording, so that it always shows what the command of this tree shows;
`python -m hack.picture.recording` makes that recording on a local cluster.
"""
