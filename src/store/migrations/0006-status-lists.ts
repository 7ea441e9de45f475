import type { Migration } from './migration.ts'

/**
 * Which place of which status list a credential has; those of before have none and are in no list.
 *
 * `taken` counts the places that were given out, and a place follows from its number and the seed. So
 * that none is given twice takes no index over a million rows, but only that `taken` never falls.
 */
export const statusLists: Migration = {
  version: 6,
  name: 'status-lists',
  sql: `
ALTER TABLE credential ADD COLUMN status_list TEXT;
ALTER TABLE credential ADD COLUMN status_index INTEGER;

CREATE TABLE status_list (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL,
  seed BLOB NOT NULL,
  taken INTEGER NOT NULL,
  -- Of whatever was given a place in it, the last.
  expires_s INTEGER NOT NULL,
  abandoned INTEGER NOT NULL,
  opened_ms INTEGER NOT NULL
) STRICT;
CREATE TRIGGER status_list_only_fills BEFORE UPDATE ON status_list
WHEN NEW.taken < OLD.taken OR NEW.seed <> OLD.seed OR NEW.size <> OLD.size OR NEW.id <> OLD.id
BEGIN SELECT raise(ABORT, 'a place of a status list is given once'); END;

-- Until when any list that was ever given out may be used.
CREATE TABLE status_lists_issued (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  until_s INTEGER NOT NULL
) STRICT;
INSERT INTO status_lists_issued (one, until_s) VALUES (1, 0);
`,
}
