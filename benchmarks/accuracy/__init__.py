"""Error rates on real prints: ours and those of the peers that install from PyPI.

`python -m benchmarks.accuracy` runs everything; docs/accuracy.md says what is measured and how.
"""
