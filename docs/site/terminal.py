"""How a terminal is shown: what was typed apart from what was printed.

The highlighter's own way takes each line that begins like a prompt for one, such as `#0` in a sanitizer's report.
"""

from __future__ import annotations

from html import escape
from typing import Any

PROMPT = "$ "


def fence() -> dict[str, Any]:
    """The setting of pymdownx.superfences for ```console blocks."""
    return {"name": "console", "class": "highlight", "format": shown}


def shown(
    source: str, language: str, css_class: str, options: object, md: object, **_: object
) -> str:
    """A console block as HTML."""
    lines, typing, continues = [], False, False
    for line in source.split("\n"):
        prompt = PROMPT if line.startswith(PROMPT) else ""
        typing = bool(prompt) or (typing and continues)
        words = escape(line[len(prompt) :], quote=False)
        lines.append(
            (f'<span class="prompt">{prompt}</span>' if prompt else "")
            + (f'<span class="typed">{words}</span>' if typing else words)
        )
        continues = typing and line.endswith("\\")
    return f'<div class="{css_class}"><pre><code>' + "\n".join(lines) + "\n</code></pre></div>"
