"""The stateless HTTP process that says what is valid, in the protocols that services already speak."""
