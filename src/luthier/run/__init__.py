"""Runners: what carries a task out, in this process, in worker processes, or against recorded curves."""
