"""Samples of earlier versions, on clusters of their own."""
