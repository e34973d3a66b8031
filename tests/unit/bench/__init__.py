"""Benchmarks of the command line, apart from what they measure."""
