"""Connected components of nodes given by position."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Codes = npt.NDArray[np.int64]


def connect(size: int, left: Codes, right: Codes) -> Codes:
    """Label of the component of each of ``size`` nodes over the edges (left, right); shape (size,)."""
    if size == 0:
        return np.empty(0, dtype=np.int64)
    adjacency = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    _, labels = connected_components(adjacency, directed=False)
    return np.asarray(labels, dtype=np.int64)
