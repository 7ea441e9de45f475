import type { Migration } from './migration.ts'

/**
 * Who follows the feed, how far each has come, and what of the feed may be forgotten.
 *
 * Which revocation or key an entry of the feed belongs to is read from its bytes by SQLite itself, so
 * that old entries have it too, and no second truth lies beside the bytes.
 *
 * Revocations of before have no coverage and none can be made up for them: when they were published
 * no head was a lease yet, so there is nobody whose acknowledgement could be waited for. The index
 * of what is not enforced leaves them out.
 */
export const enforcement: Migration = {
  version: 3,
  name: 'enforcement',
  sql: `
ALTER TABLE feed ADD COLUMN floor INTEGER NOT NULL DEFAULT 4294967296;

ALTER TABLE feed_entry ADD COLUMN subject TEXT GENERATED ALWAYS AS (
  CASE WHEN json_valid(CAST(bytes AS TEXT)) THEN CAST(bytes AS TEXT) ->> '$.id' END
) VIRTUAL;
-- Each serves one question of a compaction, and holds only what can be an answer to it.
CREATE INDEX feed_entry_subject ON feed_entry (subject, position) WHERE subject IS NOT NULL;
CREATE INDEX feed_entry_over ON feed_entry (position) WHERE op IN ('lift', 'epoch');
CREATE INDEX feed_entry_key ON feed_entry (position) WHERE op = 'key';
CREATE INDEX feed_entry_until ON feed_entry (until_s, position)
  WHERE until_s IS NOT NULL AND op IN ('revoke', 'unblock');
CREATE TRIGGER feed_entry_is_kept BEFORE DELETE ON feed_entry
WHEN (SELECT floor FROM feed) <= OLD.position
BEGIN SELECT raise(ABORT, 'the feed is whole from its floor on'); END;

-- What somebody has seen of the feed and this database never had: an older one was put in its place.
CREATE TABLE divergence (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL,
  chain TEXT NOT NULL,
  seen_by TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

ALTER TABLE revocation ADD COLUMN enforced_by_ms INTEGER;
ALTER TABLE revocation ADD COLUMN coverage TEXT;
CREATE INDEX revocation_unenforced ON revocation (position)
  WHERE lifted_ms IS NULL AND enforced_ms IS NULL AND coverage IS NOT NULL;

CREATE TABLE verifier (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  audiences TEXT NOT NULL,
  mode TEXT NOT NULL,
  secret_hash BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  removed_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX verifier_name ON verifier (name) WHERE removed_ms IS NULL;

-- The verifier is no reference: one of them, for this machine, is on no record.
CREATE TABLE incarnation (
  id TEXT PRIMARY KEY NOT NULL,
  verifier_id TEXT NOT NULL,
  name TEXT NOT NULL,
  audiences TEXT NOT NULL,
  mode TEXT NOT NULL,
  limit_s INTEGER NOT NULL,
  first_position INTEGER NOT NULL,
  heads_until_micros INTEGER NOT NULL,
  released_micros INTEGER,
  ack_position INTEGER,
  ack_chain TEXT,
  ack_digest TEXT,
  ack_head_micros INTEGER,
  ack_at_micros INTEGER,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incarnation_verifier ON incarnation (verifier_id, id);
CREATE INDEX incarnation_lease ON incarnation (heads_until_micros + limit_s * 1000000);
CREATE INDEX incarnation_audiences ON incarnation (audiences);
CREATE INDEX incarnation_seen ON incarnation (last_seen_ms);

CREATE TABLE selection (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  actor TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  forgotten INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX selection_created ON selection (created_ms);

CREATE TABLE selection_token (
  selection_n INTEGER NOT NULL REFERENCES selection (n),
  place INTEGER NOT NULL,
  token TEXT NOT NULL,
  PRIMARY KEY (selection_n, place)
) STRICT, WITHOUT ROWID;
`,
}
