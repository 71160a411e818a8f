"""How YAML is read: the one place that chooses the parser."""

from __future__ import annotations

from typing import Any, Final

import yaml

LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A safe one, in C where there is one: it takes a tenth of the time, 20 ms less for each kubeconfig."""
