"""What all that iterates or learns shares: loop, resumable state, progress, precision, device."""
