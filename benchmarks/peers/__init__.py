"""The services that are measured: trio-wa, and its peers."""
