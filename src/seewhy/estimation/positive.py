"""Symmetric matrices over many segments: one Cholesky factorization says what eigenvalues say of a few.

For few segments eigenvalues cost nothing and also take singular matrices, so these are what is used there, and wherever
a matrix of many is not safely positive definite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seewhy.core.layout import canonical
from seewhy.core.types import Floats

MANY = 320
"""Rows from which on a matrix is one of many."""
_LEAST = 1e-8
"""Reciprocal condition number below which rounding would show in the first nine digits."""


@dataclass(frozen=True, eq=False)
class Cholesky:
    """A matrix A = L L^T, factorized once."""

    lower: Floats
    """(m, m): L; zero above the diagonal."""

    @classmethod
    def of(cls, matrix: Floats) -> Cholesky | None:
        """Return the factorization of a symmetric matrix (m, m); None if it is of few rows, or nearly singular."""
        if len(matrix) < MANY:
            return None
        from scipy.linalg.lapack import dpocon, dpotrf

        # LAPACK reads columns first: what it calls the upper triangle of A^T is the lower one here, and A^T is A.
        factor, failed = dpotrf(canonical(matrix, np.float64).T, lower=0, clean=1)
        if failed:
            return None
        norm = float(np.abs(matrix).sum(axis=0).max())
        rcond, _ = dpocon(factor, norm)
        return cls(canonical(factor.T, np.float64)) if rcond >= _LEAST else None

    def solve(self, right: Floats) -> Floats:
        """Return A^-1 ``right``, (m,)."""
        from scipy.linalg.lapack import dpotrs

        return np.asarray(dpotrs(self.lower.T, right, lower=0)[0])

    def inverse(self) -> Floats:
        """Return A^-1, (m, m)."""
        from scipy.linalg.lapack import dpotri

        half = canonical(dpotri(self.lower.T, lower=0)[0].T, np.float64)
        return half + np.tril(half, -1).T


def inverse(matrix: Floats) -> Floats:
    """Return the inverse of a symmetric positive semidefinite matrix (m, m), the pseudoinverse where it is singular."""
    factor = Cholesky.of(matrix)
    return np.asarray(np.linalg.pinv(matrix, rcond=1e-12, hermitian=True)) if factor is None else factor.inverse()
