"""What `benchmarks/generate.py` is made of: the work, the models, the ways, and what bandwidth
would allow.
"""
