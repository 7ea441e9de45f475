import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { issueTokens } from '#app/issue.ts'
import { depsOf } from '#boot/authority.ts'
import { KEY_VARIABLE } from '#boot/key-encryption-key.ts'
import { takeLock } from '#boot/lock.ts'
import { epochOf, type Position } from '#domain/feed/position.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { LOCAL, refusalOf } from '../world.ts'
import { backedUp, bring, contents, existing, issue, verdict } from './data-folder.ts'

describe('a restore', () => {
  it('opens a higher epoch than both, in which no key and no token of before is good', async () => {
    const { home, here, file, before, since } = await backedUp()
    const idsOf = async (purpose: 'token' | 'status') =>
      (await here.admin.listKeys({ purpose })).items.map(({ id }) => id)
    const earlier = [...(await idsOf('token')), ...(await idsOf('status'))]
    await here.close()
    const first = await bring(home, file)
    const second = await bring(home, file)
    expect([first.epoch, second.epoch]).toEqual([2, 3])
    expect(first).toMatchObject({ dataDir: home.data, revokedKeys: earlier })
    expect(earlier).not.toContain(first.keyId)

    const now = home.open()
    expect(await verdict(now, before)).toBe('revoked')
    expect(await verdict(now, since)).toBe('revoked')
    const [fresh = ''] = await issue(now)
    expect(await verdict(now, fresh)).toBe('accepted')
    const { items } = await now.admin.listKeys({ purpose: 'token' })
    expect(items.filter(({ state }) => state !== 'revoked').map(({ id }) => id)).toEqual([
      second.keyId,
    ])
    expect(await now.admin.showRevocation({ id: second.revocationId })).toMatchObject({
      selector: { all: true },
      exceptions: { clients: [] },
      final: true,
    })
    expect((await now.admin.listAudit({ action: 'authority.restore' })).items).toHaveLength(1)
    expect((await now.admin.listClients({})).items.map(({ id }) => id)).toEqual(['a'])
    expect(epochOf((await now.admin.showAuthority({})).position as Position)).toBe(3)
  })

  it('keeps what it replaced, to the last entry, and that can be restored in its turn', async () => {
    const { home, here, file, since } = await backedUp()
    await issue(here, 5)
    const was = contents(home.files.database)
    await here.close()
    const { replaced = '' } = await bring(home, file)
    expect(contents(replaced)).toEqual(was)
    expect(statSync(replaced).mode & 0o777).toBe(0o600)
    expect(home.strays()).toEqual([replaced.slice(home.data.length + 1)])

    const undone = await bring(home, replaced)
    expect(undone.epoch).toBe(3)
    const now = home.open()
    expect((await now.admin.listClients({})).items.map(({ id }) => id)).toEqual(['a', 'later'])
    expect((await now.admin.listCredentials({})).items).toHaveLength(7)
    expect(await verdict(now, since)).toBe('revoked')
  })

  it('is followed by whoever holds the database open: nothing acknowledged is lost', async () => {
    const { home, here, file, before } = await backedUp()
    expect(await verdict(here, before)).toBe('revoked')
    const { replaced = '', epoch } = await bring(home, file)
    const kept = readFileSync(replaced)

    // A process that opened it before the restore, one after it, and the first of them leaves.
    const there = home.open()
    const [fromOld = ''] = await issue(here)
    const [fromNew = ''] = await issue(there)
    expect(epochOf((await here.admin.showAuthority({})).position as Position)).toBe(epoch)
    await here.close()
    const [later = ''] = await issue(there)
    const last = home.open()
    for (const token of [fromOld, fromNew, later]) {
      expect(await verdict(last, token)).toBe('accepted')
      expect(await verdict(there, token)).toBe('accepted')
    }
    expect((await last.admin.listCredentials({})).items).toHaveLength(4)
    expect(readFileSync(replaced)).toEqual(kept)
    expect(existsSync(`${replaced}-wal`)).toBe(false)
    expect(contents(home.files.database).check).toEqual(['ok'])
  })

  it('lets nobody write between the last copy and the new content', async () => {
    const { home, here, file } = await backedUp()
    await here.close()
    // Within one process nobody can wait for the other, so this one is told at once that it is busy.
    const path = home.files.database
    const store = openSqliteStore({ path, mode: 'open', busyTimeoutMs: 0 })
    onTestFinished(() => store.close())
    const deps = depsOf(store, home.files, {})
    const request = { clientId: 'a', tags: {}, count: 1 }
    let isDone = false
    const told: string[] = []
    const refused = new Set<string>()
    const writing = (async () => {
      while (!isDone) {
        try {
          const issued = await issueTokens(deps, { caller: LOCAL, requestId: 'req' }, request)
          told.push(...issued.map(({ credential }) => credential.id))
        } catch (thrown) {
          refused.add((thrown as { code: string }).code)
        }
        await new Promise(setImmediate)
      }
    })()
    const { replaced = '' } = await bring(home, file)
    isDone = true
    await writing
    const both = [contents(replaced), contents(home.files.database)].flatMap(
      (one) => one.credentials,
    )
    expect(told.length).toBeGreaterThan(0)
    expect(refused.size).toBeGreaterThan(0)
    expect(told.filter((id) => !both.includes(id))).toEqual([])
    expect([...refused].filter((code) => code !== 'store-busy')).toEqual([])
  })

  it('goes into an empty folder, with the key in the environment', async () => {
    const env = { [KEY_VARIABLE]: Buffer.alloc(32, 7).toString('base64url') }
    const { home, file, before } = await backedUp(env)
    expect(existsSync(home.files.keyEncryptionKey)).toBe(false)
    const fresh = existing(home.folder, join(home.folder, 'elsewhere', 'data'), env)
    const restored = await bring(fresh, file, env)
    expect(restored).toMatchObject({ epoch: 2, dataDir: fresh.data })
    expect(restored.replaced).toBeUndefined()
    expect(readdirSync(fresh.data).toSorted()).toEqual([
      'authority.db',
      'authority.position',
      'serve.lock',
    ])
    expect(statSync(fresh.data).mode & 0o777).toBe(0o700)
    expect(statSync(fresh.files.database).mode & 0o777).toBe(0o600)
    const now = fresh.open()
    expect(await verdict(now, before)).toBe('revoked')
    const [token = ''] = await issue(now)
    expect(await verdict(now, token)).toBe('accepted')
  })

  it('takes the log beside a copied database with it', async () => {
    const { home, here, file } = await backedUp()
    // As `cp -r` of a folder in use, when nobody writes: most of it is in the log.
    const copied = join(home.folder, 'copied.db')
    for (const end of ['', '-wal']) copyFileSync(home.files.database + end, copied + end)
    expect(contents(home.files.database).credentials).toHaveLength(2)
    await here.close()
    await bring(home, file)
    await bring(home, copied)
    const now = home.open()
    expect((await now.admin.listCredentials({})).items).toHaveLength(2)
  })

  it('is not led astray by a log whose database is gone', async () => {
    const { home, here, file } = await backedUp()
    const wal = readFileSync(`${home.files.database}-wal`)
    await here.close()
    const lone = existing(home.folder, join(home.folder, 'lone'))
    mkdirSync(lone.data)
    copyFileSync(home.files.keyEncryptionKey, lone.files.keyEncryptionKey)
    writeFileSync(`${lone.files.database}-wal`, wal)
    const { epoch } = await bring(lone, file)
    expect(epoch).toBe(2)
    expect(contents(lone.files.database)).toMatchObject({
      check: ['ok'],
      credentials: [expect.anything()],
    })
    expect((await lone.open().admin.listClients({})).items).toHaveLength(1)
  })

  it('replaces what is damaged, empty or another program’s, and keeps that too', async () => {
    const { home, here, file } = await backedUp()
    await here.close()
    const damages: ((path: string) => void)[] = [
      (path) => writeFileSync(path, ''),
      (path) => writeFileSync(path, 'rubbish '.repeat(5000)),
      (path) => truncateSync(path, 5000),
      (path) => {
        const db = new DatabaseSync(path)
        db.exec('CREATE TABLE theirs (x)')
        db.close()
      },
    ]
    for (const [index, damage] of damages.entries()) {
      const broken = existing(home.folder, join(home.folder, `broken-${index}`))
      mkdirSync(broken.data)
      copyFileSync(home.files.keyEncryptionKey, broken.files.keyEncryptionKey)
      if (index === 2) copyFileSync(home.files.database, broken.files.database)
      damage(broken.files.database)
      const bytes = readFileSync(broken.files.database)
      const { replaced = '', epoch } = await bring(broken, file)
      expect(epoch).toBe(2)
      expect(readFileSync(replaced)).toEqual(bytes)
      const now = broken.open()
      expect(await issue(now)).toHaveLength(1)
      await now.close()
    }
  })
})

describe('a restore that is refused', () => {
  const files: [string, string, (path: string, backup: string) => void][] = [
    ['an empty file', 'authority-missing', (path) => writeFileSync(path, '')],
    ['a text', 'store-corrupt', (path) => writeFileSync(path, 'no database '.repeat(999))],
    [
      'half a backup',
      'store-corrupt',
      (path, backup) => writeFileSync(path, readFileSync(backup).subarray(0, 9_000)),
    ],
    [
      'a damaged backup',
      'store-corrupt',
      (path, backup) => {
        const bytes = readFileSync(backup)
        bytes.fill(0xa5, 4096 * 3, 4096 * 20)
        writeFileSync(path, bytes)
      },
    ],
    [
      'another program’s database',
      'store-foreign',
      (path) => {
        const db = new DatabaseSync(path)
        db.exec('CREATE TABLE theirs (x); PRAGMA user_version = 7')
        db.close()
      },
    ],
    [
      'a newer backup',
      'store-newer',
      (path, backup) => {
        copyFileSync(backup, path)
        const db = new DatabaseSync(path)
        db.exec('PRAGMA user_version = 999; PRAGMA journal_mode = DELETE')
        db.close()
      },
    ],
    [
      'a backup of nobody',
      'store-foreign',
      (path, backup) => {
        copyFileSync(backup, path)
        const db = new DatabaseSync(path)
        db.exec('DELETE FROM authority; PRAGMA journal_mode = DELETE')
        db.close()
      },
    ],
    ['a folder', 'request-invalid', (path) => mkdirSync(path)],
    ['nothing', 'request-invalid', () => undefined],
  ]

  it.for(files)('for %s is %s: it names that file, and changes nothing', async ([, code, make]) => {
    const { home, here, file } = await backedUp()
    const [token = ''] = await issue(here)
    const bad = join(home.folder, 'bad.db')
    make(bad, file)
    const before = contents(home.files.database)
    const problem = await refusalOf(bring(home, bad))
    expect(problem.code).toBe(code)
    const said = JSON.stringify([problem.message, problem.next, problem.facts])
    expect(said).toContain(bad)
    expect(said).not.toContain('.restoring')
    expect(contents(home.files.database)).toEqual(before)
    expect(home.strays()).toEqual(['authority.db-shm', 'authority.db-wal'])
    expect(await verdict(here, token)).toBe('accepted')

    // Nor does it make a folder for nothing.
    const nowhere = existing(home.folder, join(home.folder, 'nowhere'))
    const env = { [KEY_VARIABLE]: readFileSync(home.files.keyEncryptionKey, 'utf8').trim() }
    expect((await refusalOf(bring(nowhere, bad, env))).code).toBe(code)
    expect(existsSync(nowhere.data)).toBe(false)
  })

  it('for the wrong key-encryption key, or none, comes before any change', async () => {
    const { home, here, file } = await backedUp()
    await here.close()
    const bytes = readFileSync(home.files.database)
    const wrong = { [KEY_VARIABLE]: Buffer.alloc(32, 9).toString('base64url') }
    const problem = await refusalOf(bring(home, file, wrong))
    expect(problem).toMatchObject({ code: 'key-locked' })
    expect(readFileSync(home.files.database)).toEqual(bytes)
    expect(home.strays()).toEqual([])

    const empty = existing(home.folder, join(home.folder, 'empty'))
    expect((await refusalOf(bring(empty, file))).code).toBe('key-locked')
    expect((await refusalOf(bring(empty, file, wrong))).code).toBe('key-locked')
    expect((await refusalOf(bring(empty, file, { [KEY_VARIABLE]: 'short' }))).code).toBe(
      'key-locked',
    )
    expect(existsSync(empty.data)).toBe(false)
    chmodSync(home.files.keyEncryptionKey, 0o644)
    expect((await refusalOf(bring(home, file))).message).toMatch(/can be read by others/)
    expect(readFileSync(home.files.database)).toEqual(bytes)
  })

  it('while somebody serves, or restores, changes nothing', async () => {
    const { home, here, file } = await backedUp()
    const release = takeLock(home.files.lock)
    const before = contents(home.files.database)
    expect((await refusalOf(bring(home, file))).code).toBe('authority-serving')
    expect(contents(home.files.database)).toEqual(before)
    release()
    await here.close()
    const both = await Promise.allSettled([bring(home, file), bring(home, file)])
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(await issue(home.open())).toHaveLength(1)
  })

  it('for the database itself', async () => {
    const { home } = await backedUp()
    const problem = await refusalOf(bring(home, home.files.database))
    expect(problem.message).toMatch(/is the database itself/)
  })
})

describe('a restore that was cut short', () => {
  it('leaves what refuses until it is run again, and then has lost nothing it had', async () => {
    const { home, here, file } = await backedUp()
    const db = new DatabaseSync(home.files.database)
    db.exec('ALTER TABLE feed RENAME TO feed_before_restore')
    db.close()
    for (const holder of [here, home.open()]) {
      const problem = await refusalOf(holder.admin.issueTokens({ clientId: 'a' }))
      expect(problem).toMatchObject({ code: 'store-busy' })
      expect(problem.next).toMatch(/run credctl restore FILE again/)
    }
    const { epoch, replaced = '' } = await bring(home, file)
    expect(epoch).toBe(2)
    expect(existsSync(replaced)).toBe(true)
    expect(await issue(here)).toHaveLength(1)
  })
})
