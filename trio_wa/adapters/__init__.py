"""What the ports look like in the world: stores and WAHA."""
