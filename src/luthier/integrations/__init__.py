"""luthier inside other tools, and their studies inside luthier; each module needs the tool that it is named after."""
