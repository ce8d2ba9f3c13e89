"""A stand-in for absl's flags and app."""
