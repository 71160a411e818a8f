"""A real Kubernetes control plane on the loopback interface, for the demo and the tests.

`cluster.LocalCluster` is the way in; `pytest_plugin` makes fixtures of it. This package imports
nothing by itself, because pytest loads the plugin in every run.
"""
