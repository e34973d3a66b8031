"""Scripts that measure, and that make the data which the matcher ships; run with `python -m`."""
