"""Hadamard matrices of (nearly) every order that is a multiple of four.

Sources: Sylvester (1867); Paley (1933), doi:10.1002/sapm1933121311; the Kronecker product of two Hadamard matrices
is one. SciPy has powers of two only.
"""

from __future__ import annotations

from functools import cache
from itertools import count
from math import isqrt

import numpy as np
from numpy.typing import NDArray

Signs = NDArray[np.int8]
"""Entries -1 and 1."""


def hadamard_at_least(order: int) -> Signs:
    """Return a Hadamard matrix H (m, m) of the smallest order m >= ``order`` that the constructions reach.

    ``H.T @ H == m * I``, and its first column is all ones.
    """
    for m in count(order):
        found = _hadamard(m)
        if found is not None:
            # Flipping rows keeps the columns orthogonal and makes the first one constant.
            normal = found * found[:, :1]
            normal.setflags(write=False)
            return normal
    raise AssertionError


@cache
def _hadamard(m: int) -> Signs | None:
    """Return a Hadamard matrix of order ``m``, or None where neither Sylvester, Paley nor a product has one."""
    if m in {1, 2}:
        return np.array([[1, 1], [1, -1]], dtype=np.int8)[:m, :m]
    if m % 4:
        return None
    if _is_prime(m - 1):
        return _paley_1(m - 1)
    half = m // 2 - 1
    if half % 4 == 1 and (_is_prime(half) or _is_prime(_root(half))):
        return _paley_2(half)
    return _product(m)


def _product(m: int) -> Signs | None:
    """Return a Kronecker product of two smaller ones."""
    for left in (2, *range(4, int(m**0.5) + 1, 4)):
        if m % left == 0:
            one, other = _hadamard(left), _hadamard(m // left)
            if one is not None and other is not None:
                return np.kron(one, other)
    return None


def _paley_1(q: int) -> Signs:
    """Return order q + 1 for a prime q = 3 mod 4: I + S, S the bordered, skew Jacobsthal matrix."""
    s = np.zeros((q + 1, q + 1), dtype=np.int8)
    s[0, 1:] = 1
    s[1:, 0] = -1
    s[1:, 1:] = _jacobsthal(q)
    return s + np.eye(q + 1, dtype=np.int8)


def _paley_2(q: int) -> Signs:
    """Return order 2 (q + 1), q = 1 mod 4 a prime or its square, from the bordered, symmetric Jacobsthal matrix."""
    s = np.ones((q + 1, q + 1), dtype=np.int8)
    s[0, 0] = 0
    s[1:, 1:] = _jacobsthal(q)
    one = np.array([[1, 1], [1, -1]], dtype=np.int8)
    diagonal = np.array([[1, -1], [-1, -1]], dtype=np.int8)
    return np.kron(s, one) + np.kron(np.eye(q + 1, dtype=np.int8), diagonal)


def _jacobsthal(q: int) -> Signs:
    """Return Q (q, q) over the field of q elements, q an odd prime or the square of one.

    Q[a, b] is 1 if a - b is a square other than 0, -1 if it is none, and 0 on the diagonal.
    """
    if _is_prime(q):
        places = np.arange(q)
        return np.asarray(_character(q)[(places[:, None] - places) % q])
    # Elements are x + y w with x, y modulo p and w * w no square there; one is a square if its norm is one.
    p = _root(q)
    character = _character(p)
    nonsquare = int(np.flatnonzero(character == -1)[0])
    x, y = (part[:, None] - part for part in np.divmod(np.arange(q), p))
    return np.asarray(character[(x * x - nonsquare * y * y) % p])


def _character(p: int) -> Signs:
    """Return (p,): 1 at nonzero squares modulo the odd prime ``p``, -1 at what is no square, 0 at 0."""
    character = np.full(p, -1, dtype=np.int8)
    character[(np.arange(1, p, dtype=np.int64) ** 2) % p] = 1
    character[0] = 0
    return character


def _root(n: int) -> int:
    """Return the square root of ``n``, or 0 if it is not whole."""
    root = isqrt(n)
    return root if root * root == n else 0


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % k for k in range(2, isqrt(n) + 1))
