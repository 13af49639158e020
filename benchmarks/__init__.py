"""What trio-wa does in a second, beside services like it: `python -m benchmarks`."""
