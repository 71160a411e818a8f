"""APIs of other systems, answered for issuers that switch them on: they read and write nothing but our resources."""
