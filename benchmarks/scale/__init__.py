"""What 10,000 and 100,000 resources cost, on one machine."""
