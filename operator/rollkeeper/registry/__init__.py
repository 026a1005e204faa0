"""A client of OCI registries: what stands behind a tag, and which tags there are. Reads only, never an image itself."""
