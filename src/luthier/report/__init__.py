"""What a study found, what each lever gained, and what it cost. Reads a History, never a store."""
