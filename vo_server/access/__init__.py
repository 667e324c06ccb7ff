"""Who asks, and how they prove it; roles, grants and other providers of identities have their place here."""
