"""HTTP: parameters in, documents out; every decision is a service call."""
