"""Training: losses, optimizers, networks on the device and the loop; no screens, no files."""
