"""Opening a device, and kernels that tinygrad lacks."""
