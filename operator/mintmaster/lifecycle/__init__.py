"""What should happen to a token resource now: pure decisions without I/O and without a clock of their own."""
