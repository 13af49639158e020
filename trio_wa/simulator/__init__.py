"""A WAHA stand-in with faults, for the demo, the tests and integrators."""
