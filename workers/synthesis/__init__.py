"""Generated prints, for the demo, the tests and the benchmarks."""
