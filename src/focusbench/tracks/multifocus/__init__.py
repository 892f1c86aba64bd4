"""Transmittance of a volume from its bright-field focal stack (Azevedo et al. 2024)."""
