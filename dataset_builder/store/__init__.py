"""A data set on disk: rows, manifest, locks, and what is derived from them."""
