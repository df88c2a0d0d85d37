"""The counter-based generator Philox4x32-10 as its paper defines it, in plain integers."""

from __future__ import annotations

from fractions import Fraction

MASK = 0xFFFFFFFF


def philox4x32_10(counter: list[int], key: list[int]) -> list[int]:
    """Four words of 32 bits from a counter and a key (Salmon, Moraes, Dror & Shaw, 2011)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def uniform(seed: int, count: int, start: int = 0) -> list[Fraction]:
    """(k + 1/2)/2^32 for the words k with indices from `start` on. Word i is word i mod 4 of block
    i div 4.
    """
    key = [seed & MASK, (seed >> 32) & MASK]
    first, last = start // 4, (start + count + 3) // 4
    words = [w for b in range(first, last) for w in philox4x32_10([b & MASK, b >> 32, 0, 0], key)]
    kept = words[start - 4 * first :][:count]
    return [Fraction(2 * word + 1, 1 << 33) for word in kept]
