"""The HTTP front: Quart routes and the Hypercorn server."""
