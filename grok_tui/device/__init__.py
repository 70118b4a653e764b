"""Opening a device, and the kernels that tinygrad does not have."""
