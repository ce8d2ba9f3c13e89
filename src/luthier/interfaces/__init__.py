"""How people and programs meet luthier: the command line, and the live view of a running study."""
