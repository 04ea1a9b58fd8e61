"""The drawings of docs/drawings, each a program that returns an SVG."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from kept import digest, kept
from labkit.ground.catalog import ROOT
from labkit.ground.faults import Trouble

DIRECTORY = ROOT / "docs" / "drawings"


def drawing(name: str, language: str) -> str:
    """The SVG of a drawing, fit to stand in a page among others; kept as long as nothing changes that it's made of."""
    path = DIRECTORY / f"{name}.py"
    if not re.fullmatch(r"\w+", name) or not path.is_file():
        raise Trouble(f"there is no drawing {name}")
    made_of = sorted([*DIRECTORY.glob("*.py"), *DIRECTORY.glob("data/*")])
    key = digest([Path(__file__), *made_of, name, language])
    return kept("drawings", key, lambda: for_a_page(_drawn(path, language), name))


def _drawn(path: Path, language: str) -> str:
    """Carry out a drawing's program."""
    spec = importlib.util.spec_from_file_location(f"drawing_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    svg = module.draw(language)
    if not isinstance(svg, str) or "<svg" not in svg:
        raise Trouble(f"{path.name} draws no SVG")
    return svg


def for_a_page(svg: str, name: str) -> str:
    """Without what stands before the <svg>, and with ids that no other drawing has."""
    svg = svg[svg.index("<svg") :].strip()
    for found in set(re.findall(r'\bid="([^"]+)"', svg)):
        new = f"{name}-{found}"
        svg = svg.replace(f'id="{found}"', f'id="{new}"').replace(f"#{found})", f"#{new})")
        svg = svg.replace(f'href="#{found}"', f'href="#{new}"')
        svg = re.sub(rf'(aria-\w+="){re.escape(found)}"', rf'\g<1>{new}"', svg)
    return svg if "role=" in svg[: svg.index(">")] else svg.replace("<svg", '<svg role="img"', 1)
