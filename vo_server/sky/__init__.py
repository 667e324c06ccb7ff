"""Angles, HEALPix cells and regions on the celestial sphere, vectorised."""
