"""Write the reference pages, one a module, from the docstrings: `make docs` puts them into docs/site."""

import pkgutil
import sys
from pathlib import Path

import pdoc
import pdoc.render

import luthier


def main(folder: Path) -> None:
    found = pkgutil.walk_packages(luthier.__path__, "luthier.")
    modules = ["luthier", *(module.name for module in found if "._" not in module.name and not module.ispkg)]
    pdoc.render.configure(docformat="markdown", show_source=False)
    pdoc.pdoc(*[name for name in modules if name != "luthier.run.worker"], output_directory=folder)
    print(f"{len(modules)} pages: open {folder / 'luthier.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
