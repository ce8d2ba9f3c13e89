"""What `benchmarks/search.py` is made of: problems, peers, traces, statistics."""
