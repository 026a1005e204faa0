"""A person's way to an API server: kubeconfig, credential plugins, and calls that block.

For commands, which make a handful of calls and must answer at once. The official client takes twice as long to import
as a command may take altogether (`python -m bench.startup`), so its loader is asked only for what is rare: the
`auth-provider` of old kubeconfigs. Knows nothing of scale sets.
"""
