import type { Migration } from './migration.ts'

/**
 * What was answered under an idempotency key, and how far each tier has been purged.
 *
 * The purge goes along `n`, in which rows lie nearly by age, and remembers where it stopped. An index
 * on the expiry would serve it as well, and cost every issue a write.
 */
export const repliesAndPurge: Migration = {
  version: 2,
  name: 'replies-and-purge',
  sql: `
CREATE TABLE reply (
  actor TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  result TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (actor, idempotency_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX reply_at ON reply (at_ms);

CREATE TABLE purge (
  tier TEXT PRIMARY KEY NOT NULL,
  n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`,
}
