"""Chart library: Plotly's script as the installed package brings it, and what its page needs to know about it."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

# The script carries style sheets for maps, which it adds to the page unless an element has the sheet's id. The page's
# security policy forbids sheets that come this way, and no map is drawn: the page holds empty elements of those ids.
SHEET_ID = re.compile(r'document\.getElementById\("([0-9a-f]{64})"\)')


@cache
def script_path() -> Path:
    """Where plotly.min.js is installed."""
    return Path(str(files("plotly") / "package_data" / "plotly.min.js"))


@cache
def sheet_ids() -> tuple[str, ...]:
    """Ids of the style sheets that the script would add to the page."""
    return tuple(sorted(set(SHEET_ID.findall(script_path().read_text(encoding="utf-8")))))


@cache
def fingerprint() -> bytes:
    """Changes when the script does."""
    return sha256(script_path().read_bytes()).digest()
