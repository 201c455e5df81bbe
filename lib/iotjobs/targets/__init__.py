"""The same workflow over many accounts and regions, a Dask task for each."""
