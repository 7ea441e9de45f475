import { foundation } from './0001-foundation.ts'
import { repliesAndPurge } from './0002-replies-and-purge.ts'
import { enforcement } from './0003-enforcement.ts'
import { oauth } from './0004-oauth.ts'
import { trusts } from './0005-trusts.ts'
import { statusLists } from './0006-status-lists.ts'
import type { Migration } from './migration.ts'

/** Every step, in order and without gaps; `test/unit/store` holds them to it. */
export const migrations: readonly Migration[] = [
  foundation,
  repliesAndPurge,
  enforcement,
  oauth,
  trusts,
  statusLists,
]

/** The schema version this program works with. */
export const SCHEMA_VERSION = migrations.length
