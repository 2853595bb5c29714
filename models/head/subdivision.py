"""Catmull-Clark subdivision of a quad mesh as one sparse matrix, so that shapes subdivide by a product."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse


def catmull_clark(quads: np.ndarray, n: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """quads [F,4] over n vertices -> (S [n2,n], quads [4F,4]): new vertices = S @ old; borders stay borders.

    New vertices are the old ones, then one an edge, then one a face.
    """
    faces = len(quads)
    sides = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
    edges, edge_of_side, uses = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True, return_counts=True)
    edge_of_side = edge_of_side.reshape(-1)
    e = len(edges)

    def incidence(rows, columns, shape, value=1.0):
        return sparse.csr_matrix((np.full(len(rows), value), (rows, columns)), shape)

    face_points = incidence(np.repeat(np.arange(faces), 4), quads.ravel(), (faces, n), 0.25)
    middles = incidence(np.repeat(np.arange(e), 2), edges.ravel(), (e, n), 0.5)
    faces_of_edge = incidence(edge_of_side, np.repeat(np.arange(faces), 4), (e, faces))
    inside = np.where(uses == 2, 0.5, 0.0)
    edge_points = sparse.diags(1 - inside) @ middles + sparse.diags(inside * 0.5) @ faces_of_edge @ face_points

    faces_of_vertex = incidence(quads.ravel(), np.repeat(np.arange(faces), 4), (n, faces))
    edges_of_vertex = incidence(edges.ravel(), np.repeat(np.arange(e), 2), (n, e))
    k = np.maximum(np.asarray(faces_of_vertex.sum(1)).ravel(), 1)
    ke = np.maximum(np.asarray(edges_of_vertex.sum(1)).ravel(), 1)
    smooth = (
        sparse.diags(1 / k**2) @ faces_of_vertex @ face_points
        + sparse.diags(2 / (k * ke)) @ edges_of_vertex @ middles
        + sparse.diags((k - 3) / k)
    )
    border_edges = np.nonzero(uses != 2)[0]
    on_border = np.zeros(n, bool)
    on_border[np.unique(edges[border_edges])] = True
    neighbours = incidence(edges[border_edges].ravel(), np.repeat(border_edges, 2), (n, e))
    count = np.maximum(np.asarray(neighbours.sum(1)).ravel(), 1)
    border = sparse.eye(n) * 0.5 + sparse.diags(0.5 / count) @ neighbours @ middles
    vertices = sparse.diags((~on_border).astype(float)) @ smooth + sparse.diags(on_border.astype(float)) @ border

    corner_edges = edge_of_side.reshape(faces, 4) + n
    centre = np.arange(faces) + n + e
    finer = [np.stack([quads[:, i], corner_edges[:, i], centre, corner_edges[:, (i + 3) % 4]], 1) for i in range(4)]
    s = sparse.vstack([vertices, edge_points, face_points]).tocsr().astype(np.float32)
    return s, np.stack(finer, 1).reshape(-1, 4)
