"""Updates as Triton kernels for CUDA devices; they give the same bytes as those on the CPU."""
