"""One search: planned, spread over the executor, merged into subjects, decided.

`plan`, `merge` and `decide` are functions over values; `run` is the only module with I/O.
"""
