"""Values and contracts; imports nothing else of luthier."""
