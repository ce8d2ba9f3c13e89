"""Where studies and artifacts are kept: in memory, in SQL, in files. Imports nothing of the other wings."""
