"""Faults at random against the real thing, and a judge that shares no code with it: `make chaos`."""
