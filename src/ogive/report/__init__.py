"""Results and cards as one self-contained HTML file, or as rich tables in the terminal.

This package formats dataclasses and computes nothing. The charting library is imported only when a
page is written.
"""
