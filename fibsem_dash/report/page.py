"""A report as one HTML file that works without a network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from fibsem_dash.report.markup import Section


def render_page(
    title: str, subtitle: str, sections: Sequence[Section], data: Mapping[str, Any]
) -> str:
    """Put sections, data and scripts into one file.

    The policy in the file's head forbids every request, and every script but the two that are
    written here by their hash, so that even a mistake in escaping runs nothing.

    Parameters
    ----------
    title, subtitle : str
        Plain text.
    sections : sequence of Section
        Parts in order.
    data : mapping
        Plot groups ("groups") and input list ("inputs") for the script.
    """
    scripts = [_asset("uplot.iife.min.js"), _asset("report.js")]
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in scripts)
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}"
    links = "".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in sections if s.title)
    body = "".join(map(_section_html, sections))
    code = "".join(f"<script>{text}</script>" for text in scripts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        f"<style>{_asset('uplot.min.css')}\n{_asset('report.css')}</style></head><body>"
        f"<header><strong>{escape(title)}</strong><nav>{links}</nav>"
        '<button id="theme" type="button" title="Light or dark">Dark</button></header>'
        f'<main><h1>{escape(title)}</h1><p class="soft">{escape(subtitle)}</p>{body}</main>'
        f'<script type="application/json" id="data">{script_json(data)}</script>'
        f"{code}</body></html>\n"
    )


def _section_html(section: Section) -> str:
    heading = f"<h2>{escape(section.title)}</h2>" if section.title else ""
    return f'<section id="{escape(section.anchor)}">{heading}{section.html}</section>'


def script_json(data: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    # Line ends count for the hash.
    return (
        (files("fibsem_dash.report") / "assets" / name).read_bytes().decode().replace("\r\n", "\n")
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
