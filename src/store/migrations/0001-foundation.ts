import type { Migration } from './migration.ts'

/**
 * The tables of the first release. Units are in the column names: `_ms` since the epoch, `_s`
 * likewise, where a claim of a token says the same in whole seconds.
 *
 * The feed's one row exists from the start, before the first entry of the first epoch (2³²), so that
 * to append is always one UPDATE.
 */
export const foundation: Migration = {
  version: 1,
  name: 'foundation',
  sql: `
CREATE TABLE authority (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  issuer TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE feed (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL,
  chain BLOB NOT NULL,
  time_micros INTEGER NOT NULL
) STRICT;
INSERT INTO feed (one, position, chain, time_micros) VALUES (1, 4294967296, zeroblob(32), 0);

CREATE TABLE feed_entry (
  position INTEGER PRIMARY KEY,
  op TEXT NOT NULL,
  bytes BLOB NOT NULL,
  chain BLOB NOT NULL,
  until_s INTEGER
) STRICT;
CREATE TRIGGER feed_entry_is_never_changed BEFORE UPDATE ON feed_entry
BEGIN SELECT raise(ABORT, 'an entry of the feed is never changed'); END;

-- Lists of scopes and audiences are space-delimited, as in RFC 6749 §3.3.
CREATE TABLE client (
  id TEXT PRIMARY KEY NOT NULL,
  tier TEXT NOT NULL,
  scopes TEXT NOT NULL,
  audiences TEXT NOT NULL,
  auth_methods TEXT NOT NULL,
  keys TEXT NOT NULL,
  state TEXT NOT NULL,
  tags TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE client_secret (
  n INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
  method TEXT NOT NULL,
  hash BLOB NOT NULL,
  salt BLOB NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX client_secret_client ON client_secret (client_id);

CREATE TABLE credential (
  -- Never used twice, also when the last rows are gone: a purge goes along these numbers.
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  client_id TEXT NOT NULL,
  tier TEXT NOT NULL,
  subject TEXT NOT NULL,
  scopes TEXT NOT NULL,
  audience TEXT NOT NULL,
  issued_s INTEGER NOT NULL,
  expires_s INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  parent_id TEXT,
  feed_seq INTEGER NOT NULL,
  root_seq INTEGER NOT NULL,
  root_issued_s INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  justification TEXT,
  tags TEXT NOT NULL,
  last_seen_ms INTEGER
) STRICT;
-- Each index costs every issue a write, so there are five, and three of them only where a value
-- is not what it mostly is. Lists go by id, and so do these: a page is then read, never sorted.
CREATE INDEX credential_client ON credential (client_id, id);
CREATE INDEX credential_subject ON credential (subject, id) WHERE subject <> client_id;
CREATE INDEX credential_session ON credential (session_id, id) WHERE session_id <> id;
CREATE INDEX credential_parent ON credential (parent_id) WHERE parent_id IS NOT NULL;
-- Answers by itself, for each of the few keys: how many live, the last expiry, the oldest alive.
CREATE INDEX credential_key ON credential (key_id, expires_s, id);

CREATE TABLE revocation (
  position INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  selector TEXT NOT NULL,
  exceptions TEXT NOT NULL,
  resolved TEXT, -- NULL: the same as the selector
  cut INTEGER,
  reach TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT,
  grace_s INTEGER NOT NULL,
  blocks INTEGER NOT NULL,
  final INTEGER NOT NULL,
  suspends INTEGER NOT NULL,
  published_ms INTEGER NOT NULL,
  enforced_ms INTEGER,
  lifted_ms INTEGER,
  expires_ms INTEGER,
  matched TEXT NOT NULL,
  actor TEXT NOT NULL,
  incident_id TEXT,
  record_salt TEXT NOT NULL
) STRICT;
-- Asked before every mint, so it holds only those that an expiry can still end.
CREATE INDEX revocation_due ON revocation (expires_ms)
  WHERE lifted_ms IS NULL AND expires_ms IS NOT NULL AND (blocks = 1 OR suspends = 1);

-- What an unlifted revocation names, to find it by the values of one token.
CREATE TABLE revocation_target (
  dimension TEXT NOT NULL,
  value TEXT NOT NULL,
  position INTEGER NOT NULL REFERENCES revocation (position),
  PRIMARY KEY (dimension, value, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX revocation_target_position ON revocation_target (position);

CREATE TABLE signing_key (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  purpose TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  state TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  activate_after_ms INTEGER,
  retire_after_ms INTEGER,
  public_jwk TEXT NOT NULL,
  sealed BLOB NOT NULL
) STRICT;

CREATE TABLE audit (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  outcome TEXT NOT NULL,
  request_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  justification TEXT,
  policy_version INTEGER,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at_ms);
CREATE INDEX audit_target ON audit (target);
CREATE INDEX audit_request ON audit (request_id);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is append only'); END;
CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is append only'); END;
-- INSERT OR REPLACE would remove a row without the trigger above.
CREATE TRIGGER audit_is_never_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM audit WHERE n = NEW.n)
BEGIN SELECT raise(ABORT, 'the audit log is append only'); END;
`,
}
