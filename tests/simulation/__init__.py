"""A cluster in memory, on virtual time: API server, scheduler, kubelets and the controllers beside them."""
