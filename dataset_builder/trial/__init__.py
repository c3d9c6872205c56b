"""One trial: a network measured in a process of its own."""
