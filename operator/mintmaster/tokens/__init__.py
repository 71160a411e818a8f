"""Tokens: minting and verifying JWTs and opaque tokens, their keys, digests and scopes.

Nothing here knows of Kubernetes, reads a clock or does I/O: instants, keys and expectations are
parameters.
"""
