"""The rules: pure and synchronous, without I/O and without a clock."""
