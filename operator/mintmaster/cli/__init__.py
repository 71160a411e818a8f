"""The command line: `mintmaster`, also installed as a plugin of kubectl."""
