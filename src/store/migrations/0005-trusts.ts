import type { Migration } from './migration.ts'

/**
 * Whose identity tokens are exchanged for what. A trust is read whole and by its name or its issuer,
 * so it is kept whole.
 */
export const trusts: Migration = {
  version: 5,
  name: 'trusts',
  sql: `
CREATE TABLE trust (
  id TEXT PRIMARY KEY NOT NULL,
  issuer TEXT NOT NULL,
  client_id TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX trust_issuer ON trust (issuer, id);
CREATE INDEX trust_client ON trust (client_id, id);

ALTER TABLE credential ADD COLUMN trust_id TEXT;
CREATE INDEX credential_trust ON credential (trust_id, id) WHERE trust_id IS NOT NULL;
`,
}
