"""`lint`: manifests against the API's schemas, its rules and each other, without a cluster."""
