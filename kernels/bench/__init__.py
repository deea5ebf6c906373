"""The benchmark command, `python -m minigen.kernels.bench`: every result is verified before and after it is timed.

It is an application: it may import anything, and nothing imports it.
"""
