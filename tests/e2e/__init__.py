"""Mintmaster in real pods on a real node, from the image that the Dockerfile makes: `make e2e`."""
