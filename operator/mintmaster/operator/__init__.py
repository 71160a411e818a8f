"""The operator process: one leader that keeps every resource's token as it should be."""
