import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import type { Caller } from '#app/deps.ts'
import {
  createAuthority,
  embeddedTransport,
  type OpenAuthority,
  openAuthority,
} from '#boot/authority.ts'
import { backUp, restore } from '#boot/backup.ts'
import { authorityFiles, type AuthorityFiles, type Environment } from '#boot/paths.ts'
import { connect } from '#client/connect.ts'
import { type Admin, adminApi } from '#contract/admin-api.ts'
import type { Position } from '#domain/feed/position.ts'
import { ISSUER, LOCAL } from '../world.ts'

/** A folder that goes when the test has finished. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'credctl-unit-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** One process's view of an authority: opened as a command opens it, closed at the end of the test. */
export interface Opened extends OpenAuthority {
  readonly admin: Admin
}

export interface DataFolder {
  readonly folder: string
  readonly data: string
  readonly files: AuthorityFiles
  /** Files in the data folder but those that are always there, in order. */
  readonly strays: () => string[]
  readonly open: () => Opened
}

/** An authority on disk, with client `a`. */
export async function dataFolder(env: Environment = {}): Promise<DataFolder> {
  const folder = newFolder()
  const data = join(folder, 'data')
  await createAuthority(data, ISSUER, env, LOCAL)
  const found = existing(folder, data, env)
  const first = found.open()
  await first.admin.createClient({ id: 'a', scopes: ['read'] })
  await first.close()
  return found
}

export function existing(folder: string, data: string, env: Environment = {}): DataFolder {
  const usual = ['authority.db', 'authority.position', 'key-encryption.key', 'serve.lock']
  return {
    folder,
    data,
    files: authorityFiles(data),
    strays: () =>
      readdirSync(data)
        .filter((name) => !usual.includes(name))
        .toSorted(),
    open: () => opened(data, env),
  }
}

let requests = 0

function opened(data: string, env: Environment, caller: Caller = LOCAL): Opened {
  const authority = openAuthority(data, env, (fault) => {
    throw fault
  })
  let isOpen = true
  const close = async (): Promise<void> => {
    if (isOpen) await authority.close()
    isOpen = false
  }
  onTestFinished(close)
  const transport = embeddedTransport(authority.dispatch, caller)
  const admin = connect(adminApi, transport, () => `req_${(requests += 1)}`)
  return { ...authority, close, admin }
}

export const save = ({ data }: DataFolder, file: string, env: Environment = {}) =>
  backUp(data, file, env, { caller: LOCAL, onProgress: () => undefined })
export const bring = ({ data }: DataFolder, file: string, env: Environment = {}) =>
  restore(data, file, env, LOCAL)

export const issue = async ({ admin }: Opened, count = 1): Promise<string[]> =>
  (await admin.issueTokens({ clientId: 'a', count })).items.map(({ token }) => token)
export const verdict = async ({ admin }: Opened, token: string): Promise<string> =>
  (await admin.verifyToken({ token })).verdict

/** What a database holds, read past all of our code. */
export function contents(file: string) {
  const db = new DatabaseSync(file, { readOnly: true, returnArrays: true })
  const column = (sql: string): unknown[] =>
    (db.prepare(sql).all() as unknown as unknown[][]).map(([value]) => value)
  try {
    return {
      check: column('PRAGMA integrity_check'),
      credentials: column('SELECT id FROM credential ORDER BY n'),
      feed: column('SELECT position FROM feed_entry ORDER BY position'),
      position: column('SELECT position FROM feed')[0] as Position,
      audit: column('SELECT action FROM audit ORDER BY n'),
    }
  } finally {
    db.close()
  }
}

/** An authority with a backup, and what is younger than it. */
export async function backedUp(env: Environment = {}) {
  const home = await dataFolder(env)
  const here = home.open()
  const [before = ''] = await issue(here)
  const file = join(home.folder, 'backup.db')
  await save(home, file, env)
  const [since = ''] = await issue(here)
  await here.admin.revoke({ selector: { all: true }, reason: 'testing' })
  await here.admin.createClient({ id: 'later', scopes: ['read'] })
  return { home, here, file, before, since }
}
