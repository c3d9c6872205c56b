"""Many hosts that measure for one data set, as workers of a Dask cluster."""
