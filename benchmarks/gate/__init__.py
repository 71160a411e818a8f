"""How fast a gate introspects, beside an empty handler on the same server and core."""
