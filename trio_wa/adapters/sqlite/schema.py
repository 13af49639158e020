"""The tables of the database, and the way there from every older version."""

import apsw

from trio_wa.ports import StoreUnusable

APPLICATION_ID = 0x54574131  # "TWA1": tells our files from those of other programs

_FIRST = """
CREATE TABLE messages (
    number INTEGER PRIMARY KEY,   -- the order of acceptance; never reused
    seq INTEGER NOT NULL,         -- the place in the queue; a retry gives a new one
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    accepted_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    due_at REAL NOT NULL DEFAULT 0,
    settled_at REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    deferrals INTEGER NOT NULL DEFAULT 0,
    recipient TEXT NOT NULL,
    chat_id TEXT NOT NULL,
    sessions TEXT,                -- JSON; NULL: any
    owner TEXT,
    session TEXT,
    waha_id TEXT,
    code TEXT,
    detail TEXT,
    text TEXT,                    -- NULL: erased
    history TEXT NOT NULL         -- one event a line, see history.py
) STRICT;
CREATE INDEX messages_accepted ON messages (accepted_at);
CREATE INDEX messages_status ON messages (status, accepted_at);
CREATE INDEX messages_chat ON messages (chat_id, accepted_at);
CREATE INDEX messages_session ON messages (session, accepted_at) WHERE session IS NOT NULL;
CREATE INDEX messages_owner ON messages (owner, accepted_at) WHERE owner IS NOT NULL;
CREATE UNIQUE INDEX messages_queue ON messages (seq) WHERE status = 'queued';
CREATE INDEX messages_overdue ON messages (expires_at, seq) WHERE status = 'queued';
CREATE INDEX messages_settled ON messages (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX messages_texts ON messages (settled_at)
    WHERE text IS NOT NULL AND status IN ('sent', 'delivered', 'read');
CREATE TABLE keys (
    owner TEXT NOT NULL,          -- empty: a caller without a key of its own
    value TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    message_id TEXT NOT NULL,
    used_at REAL NOT NULL,
    PRIMARY KEY (owner, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_used ON keys (used_at);
CREATE TABLE totals (
    accepted INTEGER NOT NULL,
    purged INTEGER NOT NULL,
    number INTEGER NOT NULL       -- the highest number or seq that was ever given
) STRICT;
INSERT INTO totals VALUES (0, 0, 0);
"""

_SECOND = """
ALTER TABLE messages ADD COLUMN ack INTEGER;        -- NULL while it is queued
ALTER TABLE messages ADD COLUMN on_unknown TEXT;
ALTER TABLE messages ADD COLUMN confirmation TEXT;  -- of a first ack; NULL: it is awaited
ALTER TABLE messages ADD COLUMN resent INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_waha ON messages (waha_id) WHERE waha_id IS NOT NULL;
CREATE INDEX messages_asked ON messages (seq) WHERE status = 'unknown' AND settled_at IS NULL;
CREATE INDEX messages_awaiting ON messages (session, confirmation, settled_at)
    WHERE status = 'sent' AND waha_id IS NOT NULL
    AND (confirmation IS NULL OR confirmation = 'overdue');
CREATE INDEX messages_unconfirmed ON messages (accepted_at)
    WHERE status = 'sent' AND confirmation IN ('overdue', 'unconfirmed');
CREATE TABLE acks (               -- those that no message bore when they came
    number INTEGER PRIMARY KEY,
    waha_id TEXT NOT NULL,
    session TEXT NOT NULL,
    ack INTEGER NOT NULL,
    at REAL NOT NULL,
    UNIQUE (waha_id, session)
) STRICT;
CREATE INDEX acks_at ON acks (at);
CREATE TABLE sessions (
    name TEXT PRIMARY KEY,
    paused INTEGER NOT NULL,
    acked_at REAL,
    proven INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE contacts (
    chat_id TEXT PRIMARY KEY,
    known_as TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_THIRD = """
ALTER TABLE sessions ADD COLUMN ghost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN locked_until REAL;
ALTER TABLE sessions ADD COLUMN rate INTEGER;
CREATE TABLE recipients (         -- which of them are known to which sessions
    chat_id TEXT NOT NULL,
    session TEXT NOT NULL,
    PRIMARY KEY (chat_id, session)
) STRICT, WITHOUT ROWID;
CREATE TABLE traffic (            -- what may have been sent, by the minute in which it began
    session TEXT NOT NULL,
    minute INTEGER NOT NULL,      -- since the epoch
    begun INTEGER NOT NULL,
    first_at REAL NOT NULL,
    last_at REAL NOT NULL,
    new INTEGER NOT NULL,         -- how many of them were the first to their contact
    new_at REAL,                  -- the last of those
    PRIMARY KEY (session, minute)
) STRICT, WITHOUT ROWID;
INSERT INTO recipients
SELECT chat_id, session FROM messages
WHERE status IN ('sent', 'delivered', 'read') AND session IS NOT NULL
GROUP BY chat_id, session;
INSERT INTO traffic
SELECT session, CAST(settled_at / 60 AS INTEGER), count(*), min(settled_at), max(settled_at), 0,
    NULL
FROM messages
WHERE status IN ('sent', 'delivered', 'read', 'unknown') AND session IS NOT NULL
    AND settled_at IS NOT NULL
GROUP BY 1, 2;
"""

_FOURTH = """
ALTER TABLE messages ADD COLUMN kind TEXT;          -- NULL: a plain text; else `text` is JSON
ALTER TABLE messages ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;   -- see core.message.LANES
ALTER TABLE messages ADD COLUMN send_at REAL;
ALTER TABLE messages ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;  -- 1: until its time came
ALTER TABLE messages ADD COLUMN batch TEXT;
ALTER TABLE messages ADD COLUMN metadata TEXT;
ALTER TABLE messages ADD COLUMN data INTEGER;       -- of a file; NULL: none, 1: kept, 0: gone
ALTER TABLE messages ADD COLUMN ignore_suppression INTEGER NOT NULL DEFAULT 0;
DROP INDEX messages_queue;
DROP INDEX messages_overdue;
CREATE UNIQUE INDEX messages_queue ON messages (priority, seq)
    WHERE status = 'queued' AND scheduled = 0;
CREATE INDEX messages_overdue ON messages (priority, expires_at, seq)
    WHERE status = 'queued' AND scheduled = 0;
CREATE INDEX messages_scheduled ON messages (send_at) WHERE status = 'queued' AND scheduled = 1;
CREATE INDEX messages_batch ON messages (batch, status) WHERE batch IS NOT NULL;
CREATE INDEX messages_data ON messages (number) WHERE data = 1 AND settled_at IS NOT NULL;
CREATE INDEX contacts_known_as ON contacts (known_as);
CREATE TABLE suppressions (       -- who wants no messages
    chat_id TEXT PRIMARY KEY,
    at REAL NOT NULL,
    reason TEXT,
    session TEXT
) STRICT, WITHOUT ROWID;
"""

_FIFTH = """
ALTER TABLE sessions ADD COLUMN heard_at REAL;      -- since when webhooks or acks come
UPDATE sessions SET heard_at = acked_at;
"""

MIGRATIONS = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)
"""What leads from each version to the next; the version is the count of those that were run."""


def migrate(connection: apsw.Connection, name: str) -> None:
    """Bring the database to the newest version, each step in one transaction.

    Raises `StoreUnusable`, before anything is written, for the file of another program and for
    one that a newer trio-wa wrote.
    """
    version = connection.pragma("user_version")
    application = connection.pragma("application_id")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreUnusable(
            f"{name} is the database of another program: set JOURNAL_PATH to another file"
        )
    if version > len(MIGRATIONS):
        raise StoreUnusable(
            f"{name} was written by a newer trio-wa (schema {version}, this one knows"
            f" {len(MIGRATIONS)}): run that version, or set JOURNAL_PATH to another file"
        )
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        with connection:
            connection.pragma("application_id", APPLICATION_ID)
            connection.execute(script)
            connection.pragma("user_version", number)
