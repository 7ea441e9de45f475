import { foundation } from './0001-foundation.ts'
import type { Migration } from './migration.ts'

/** Every step, in order and without gaps; `test/unit/store` holds them to it. */
export const migrations: readonly Migration[] = [foundation]

/** The schema version this program works with. */
export const SCHEMA_VERSION = migrations.length
