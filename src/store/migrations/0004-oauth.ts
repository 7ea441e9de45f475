import type { Migration } from './migration.ts'

/**
 * Secrets that end when another has taken their place, and what may be used once and has been: client
 * assertions, and other issuers' tokens, by a hash of whose and which.
 */
export const oauth: Migration = {
  version: 4,
  name: 'oauth',
  sql: `
ALTER TABLE client_secret ADD COLUMN expires_ms INTEGER;

CREATE TABLE used_once (
  hash BLOB PRIMARY KEY NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_once_until ON used_once (until_ms);
`,
}
