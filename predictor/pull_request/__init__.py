"""What a change in a git repository does to the energy of its networks."""
