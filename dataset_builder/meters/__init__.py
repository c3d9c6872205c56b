"""Energy of a piece of work, and where the numbers come from."""
