"""Mintmaster: a Kubernetes operator that manages tokens as custom resources."""

__version__ = "0.1.0"
