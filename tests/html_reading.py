"""Reads HTML in tests."""

from __future__ import annotations

from html.parser import HTMLParser


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text outside scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.found, self.text, self._raw = [], "", False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self._raw = tag in ("script", "style")
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self._raw = False

    def handle_data(self, data):
        if not self._raw:
            self.text += data
