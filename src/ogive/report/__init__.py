"""Results and cards as one self-contained HTML file, or as rich tables in the terminal.

Nothing here computes: dataclasses in, pages out. The charting library is imported only when a page
is written.
"""
