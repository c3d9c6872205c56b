"""Measure synthetic and real neural networks, and keep what was measured."""
