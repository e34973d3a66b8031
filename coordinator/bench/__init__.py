"""Benchmarks that an operator runs on the machine at hand."""
