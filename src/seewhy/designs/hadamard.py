"""Hadamard matrices of (nearly) every order that is a multiple of four.

Sources: Sylvester (1867); Paley (1933), doi:10.1002/sapm1933121311; the Kronecker product of two Hadamard matrices
is one. SciPy has powers of two only.
"""

from __future__ import annotations

from functools import cache
from itertools import count

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
    if (m // 2 - 1) % 4 == 1 and _is_prime(m // 2 - 1):
        return _paley_2(m // 2 - 1)
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
    """Return order 2 (q + 1) for a prime q = 1 mod 4, from the bordered, symmetric Jacobsthal matrix."""
    s = np.ones((q + 1, q + 1), dtype=np.int8)
    s[0, 0] = 0
    s[1:, 1:] = _jacobsthal(q)
    one = np.array([[1, 1], [1, -1]], dtype=np.int8)
    diagonal = np.array([[1, -1], [-1, -1]], dtype=np.int8)
    return np.kron(s, one) + np.kron(np.eye(q + 1, dtype=np.int8), diagonal)


def _jacobsthal(q: int) -> Signs:
    """Return Q (q, q) with Q[a, b] = 1 if a - b is a nonzero square modulo q, -1 if it is none, 0 on the diagonal."""
    character = np.full(q, -1, dtype=np.int8)
    character[(np.arange(1, q, dtype=np.int64) ** 2) % q] = 1
    character[0] = 0
    places = np.arange(q)
    return np.asarray(character[(places[:, None] - places) % q])


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % k for k in range(2, int(n**0.5) + 1))
