"""Celestial frames that are plain rotations of ICRS."""

from __future__ import annotations

from typing import Final, TypeAlias

__all__ = ["FRAMES", "Matrix", "rotation"]

Matrix: TypeAlias = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

FRAMES: Final[dict[str, Matrix]] = {
    "ICRS": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "FK5": (
        (0.9999999999999921, -1.1102233297408327e-07, -4.411804498096771e-08),
        (1.1102233723050035e-07, 0.9999999999999889, 9.647792246010129e-08),
        (4.411803426976326e-08, -9.647792751958126e-08, 0.9999999999999943),
    ),
    "GALACTIC": (
        (-0.05487565771259163, -0.8734370519556159, -0.48383507361671546),
        (0.4941094371927268, -0.4448297212232952, 0.7469821839866676),
        (-0.8676661375596576, -0.19807633727300053, 0.4559838136873016),
    ),
    "SUPER_GALACTIC": (
        (0.37501555570303163, 0.34135887185624736, 0.8618801851683191),
        (-0.8983204377276124, -0.09572710024885117, 0.4287851600030194),
        (0.2288749093754372, -0.9350456902649068, 0.270750499492446),
    ),
    "ECLIPTIC": (
        (0.9999999999999941, -7.078368960971556e-08, 8.056213977613186e-08),
        (3.2897004077419646e-08, 0.9174821299149584, 0.39777699944404793),
        (-1.0207044725484355e-07, -0.39777699944404304, 0.9174821299149556),
    ),
}
"""Matrix from ICRS to each frame: FK5 and the mean ecliptic of J2000.0 (IAU 2006), galactic coordinates (IAU 1958).

The values are those of astropy. FK4 is not here: its positions hold the elliptic terms of aberration.
"""


def rotation(start: str, end: str) -> Matrix:
    """Return the matrix that turns unit vectors of one frame into those of another.

    Raises
    ------
    KeyError
        If there is no such frame; names are compared with their case.
    """
    there, back = FRAMES[end], FRAMES[start]
    rows = [tuple(sum(there[i][k] * back[j][k] for k in range(3)) for j in range(3)) for i in range(3)]
    return (_triple(rows[0]), _triple(rows[1]), _triple(rows[2]))


def _triple(row: tuple[float, ...]) -> tuple[float, float, float]:
    x, y, z = row
    return (x, y, z)
