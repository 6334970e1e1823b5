"""Who runs work on bytes: threads, processes beside the daemon, or a Dask cluster."""
