"""The stages of `gpu_session.py`, one a module, and the record that they share."""
