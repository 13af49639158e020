"""WAHA over HTTP: sends, look-ups, and what it says of itself and of its sessions."""

from trio_wa.adapters.waha.gateway import Waha

__all__ = ["Waha"]
