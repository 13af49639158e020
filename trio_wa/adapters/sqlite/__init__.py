"""The store on disk: SQLite with a write-ahead log, and one writer that commits for all."""

from trio_wa.adapters.sqlite.store import SqliteStore, open_sqlite_store

__all__ = ["SqliteStore", "open_sqlite_store"]
