"""What is measured: configurations, and the order in which they come."""
