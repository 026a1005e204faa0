"""Plumbing that knows Kubernetes and nothing of scale sets: client, caches, work queue, leader election."""
