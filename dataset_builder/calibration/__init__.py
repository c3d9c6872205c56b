"""Measuring by what has been measured, as long as it teaches a new machine's model."""
