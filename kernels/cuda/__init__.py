"""The kernels in CUDA C++: one folder per ladder, one rung per file; this package knows how each is launched."""
