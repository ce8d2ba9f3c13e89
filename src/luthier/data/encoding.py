"""In which encoding a text file is written, as far as its bytes tell."""

from __future__ import annotations

from pathlib import Path

UTF_8 = "utf-8"


def encoding_of(path: Path) -> str:
    """'utf-8' where the file is that, can't be read, or is no plain text file; else 'utf-16', 'cp1252' or 'latin-1'.

    A guess for files that don't say: every file is valid Latin-1, so the last answer is never refused.
    """
    if path.suffix.lower() not in (".csv", ".tsv", ".tab", ".jsonl", ".ndjson"):
        return UTF_8
    try:
        raw = path.read_bytes()
    except OSError:
        return UTF_8
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    for encoding in (UTF_8, "cp1252"):
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"
