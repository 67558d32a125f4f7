-- Format 1. Never change this text: files in the world were made by it, and `verify` compares.

CREATE TABLE events (
    seq          INTEGER PRIMARY KEY,
    event_id     BLOB    NOT NULL UNIQUE,
    stream       TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    payload      BLOB,
    payload_hash BLOB    NOT NULL,
    actor        TEXT    NOT NULL,
    occurred_at  INTEGER NOT NULL,
    recorded_at  INTEGER NOT NULL,
    prev_hash    BLOB    NOT NULL,
    hash         BLOB    NOT NULL,
    UNIQUE (stream, version)
) STRICT;

-- The end of the chain: one row. Who writes holds the file's write lock, so it is the head's.
CREATE TABLE head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash BLOB    NOT NULL
) STRICT;

CREATE TABLE leases (
    name   TEXT    PRIMARY KEY,
    holder TEXT,
    epoch  INTEGER NOT NULL,
    beat   INTEGER NOT NULL,
    ttl_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER events_follow BEFORE INSERT ON events
WHEN new.seq IS NOT (SELECT seq + 1 FROM head) OR new.prev_hash IS NOT (SELECT hash FROM head)
BEGIN
    SELECT RAISE(ABORT, 'an event follows the head');
END;

CREATE TRIGGER events_lead AFTER INSERT ON events
BEGIN
    UPDATE head SET seq = new.seq, hash = new.hash;
END;

CREATE TRIGGER events_stay BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are never deleted');
END;

-- The one change there is: a payload goes, and nothing else moves.
CREATE TRIGGER events_stand BEFORE UPDATE ON events
WHEN new.payload IS NOT NULL
  OR new.seq IS NOT old.seq OR new.event_id IS NOT old.event_id
  OR new.stream IS NOT old.stream OR new.version IS NOT old.version
  OR new.kind IS NOT old.kind OR new.payload_hash IS NOT old.payload_hash
  OR new.actor IS NOT old.actor OR new.occurred_at IS NOT old.occurred_at
  OR new.recorded_at IS NOT old.recorded_at
  OR new.prev_hash IS NOT old.prev_hash OR new.hash IS NOT old.hash
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;
