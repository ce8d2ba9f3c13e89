"""Reads a training script, without running or editing it, and writes a task that tunes it as it is."""
