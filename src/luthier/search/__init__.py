"""Searchers, which propose grants, and pruners, which stop trials inside one. Both by name through `registry`."""
