"""I/O with Kubernetes: sessions, list and watch, the leader's Lease, Events."""
