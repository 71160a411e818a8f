"""What people get over HTTP and from the command line, measured against the bare writes behind it."""
