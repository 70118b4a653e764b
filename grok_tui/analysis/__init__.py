"""What the weights have learned: Fourier spectra, progress measures, neurons, phases."""
