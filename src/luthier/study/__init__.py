"""The one loop that tunes, and what it needs: the task file, the journal, the allocator, the final test."""
