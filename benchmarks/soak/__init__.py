"""Operator and gate under a steady load for as long as is wanted: what they take must not grow."""
