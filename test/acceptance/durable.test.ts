import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { examine, type Examined } from './examine.ts'
import { fault } from './faults.ts'
import { type Home, type Json, makeAuthority } from './harness.ts'
import { chance } from './pool.ts'

const database = ({ dataDir }: Home): string => join(dataDir, 'authority.db')

/** Whoever has the database open keeps the log from being folded into it. */
function holdOpen(path: string): () => void {
  const db = new DatabaseSync(path)
  db.prepare('SELECT count(*) FROM feed').get()
  return () => db.close()
}

describe('a write-ahead log that ends anywhere', () => {
  /** A database with a log of many commits, and all that a copy of it may hold. */
  async function logged() {
    const home = await makeAuthority('read')
    const release = holdOpen(database(home))
    await home.json(['token', 'issue', '--client', 'bot', '--count', '3'])
    const { revocation } = await home.json([
      'revoke',
      '--client',
      'bot',
      '--reason',
      'testing',
      '-y',
    ])
    await home.json(['token', 'issue', '--client', 'bot'])
    await home.json(['key', 'rotate'])
    await home.json(['revocation', 'lift', revocation.id, '--yes'])
    const db = readFileSync(database(home))
    const wal = readFileSync(`${database(home)}-wal`)
    release()
    const whole = await examine(database(home))
    let copies = 0
    const open = async (log: Uint8Array): Promise<Examined> => {
      const folder = home.path(`copy-${copies++}`)
      mkdirSync(folder)
      writeFileSync(join(folder, 'authority.db'), db)
      writeFileSync(join(folder, 'authority.db-wal'), log)
      return examine(join(folder, 'authority.db'))
    }
    return { wal, whole, open }
  }

  /** What is there is the beginning of what happened, and nothing is there by halves. */
  function mustBegin(found: Examined, whole: Examined): void {
    for (const list of ['credentials', 'revocations', 'keys', 'feed', 'audit'] as const) {
      expect(found[list]).toEqual(whole[list].slice(0, found[list].length))
    }
  }

  it('is read up to its last whole commit', async () => {
    const { wal, whole, open } = await logged()
    const [headerBytes, frameBytes] = [32, 24 + 4096]
    const frames = (wal.length - headerBytes) / frameBytes
    expect(Number.isInteger(frames) && 20 < frames, `${frames} frames`).toBe(true)
    const random = chance(3)
    const lengths = new Set([0, 1, headerBytes - 1, headerBytes, wal.length])
    for (let frame = 1; frame <= frames; frame++) {
      const end = headerBytes + frame * frameBytes
      for (const length of [end - 1, end, end - Math.floor(random() * frameBytes)])
        lengths.add(length)
    }
    const seen = new Set<number>()
    for (const length of lengths) {
      const found = await open(wal.subarray(0, length))
      mustBegin(found, whole)
      seen.add(found.audit.length)
    }
    // Every commit was the last one of some copy.
    expect([...seen].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: seen.size }, (_, index) => index + Math.min(...seen)),
    )
    expect(Math.max(...seen)).toBe(whole.audit.length)
    expect(seen.size).toBeGreaterThan(5)
  })

  it('is read up to the first frame that is not what was written', async () => {
    const { wal, whole, open } = await logged()
    const random = chance(5)
    expect(wal.length).toBeGreaterThan(100_000)
    for (let i = 0; i < 60; i++) {
      const at = Math.floor(random() * wal.length)
      const torn = Uint8Array.from(wal)
      torn[at] = (torn[at] ?? 0) ^ (1 + Math.floor(random() * 255))
      mustBegin(await open(torn), whole)
    }
  })
})

describe('a full disk', () => {
  /** No connection may let its database grow any more. */
  const preload = fault({ pages: 1 })

  it('stops issuing with 75 and loses nothing; revoking goes on when there is room again', async () => {
    const home = await makeAuthority('read', 'write')
    const told: string[] = []
    let refused: Json
    while (refused === undefined) {
      const argv = ['token', 'issue', '--client', 'bot', '--count', '50', '-o', 'json']
      const { status, out, err } = await home.run(argv, { preload })
      if (status === 0) for (const { credential } of JSON.parse(out).items) told.push(credential.id)
      else refused = { status, out, problem: JSON.parse(err) }
    }
    expect(refused).toMatchObject({ status: 75, out: '', problem: { code: 'store-full' } })
    expect(refused.problem.next).toMatch(/free space/)
    const found = await examine(database(home))
    expect(found.credentials).toEqual(told.toSorted((a, b) => (a < b ? -1 : 1)))

    // Reading needs no room.
    expect(await home.run(['token', 'list', '-q'], { preload })).toMatchObject({ status: 0 })
    await home.json(['token', 'issue', '--client', 'bot'])
    await home.json(['revoke', '--client', 'bot', '--reason', 'compromise', '--yes'])
    const after = await examine(database(home))
    expect(after.credentials).toHaveLength(told.length + 1)
  })

  it('is answered with 503 by a server, which serves on', async () => {
    const home = await makeAuthority('read')
    await home.json(['token', 'issue', '--client', 'bot', '--count', '100'])
    const before = await examine(database(home))
    await home.serve([], { preload })
    const many = ['token', 'issue', '--client', 'bot', '--count', '1000', '-o', 'json']
    const ran = await home.run(many)
    expect(ran).toMatchObject({ status: 75, out: '' })
    expect(JSON.parse(ran.err)).toMatchObject({ code: 'store-full', status: 503 })
    expect(await home.json(['token', 'list'])).toMatchObject({ nextCursor: null })
    expect((await examine(database(home))).credentials).toEqual(before.credentials)
  })
})

describe('a folder that may not be written', () => {
  const NOBODY = 65_534
  const isRoot = process.getuid?.() === 0

  it('is refused clearly, and so is another user’s', async () => {
    const home = await makeAuthority('read')
    await home.shell('chmod 755 "$HOME" && chmod -R a+rX,a-w "$HOME/.local"')
    const away = home.path('away')
    mkdirSync(away, { mode: 0o777 })
    await home.shell('chmod 777 away')
    const options = { env: { XDG_CACHE_HOME: away }, ...(isRoot ? { uid: NOBODY } : {}) }
    for (const argv of [
      ['token', 'issue', '--client', 'bot', '-o', 'json'],
      ['key', 'rotate', '-o', 'json'],
      ['init', '--data-dir', join(home.dataDir, 'deeper'), '-o', 'json'],
      ['serve', '-o', 'json', '--listen', '127.0.0.1:0'],
    ]) {
      const { status, out, err } = await home.run(argv, options)
      expect({ status, out, code: JSON.parse(err).code }, argv.join(' ')).toEqual({
        status: 1,
        out: '',
        code: expect.stringMatching(/^(?:store-denied|key-locked)$/),
      })
    }
    await home.shell('chmod -R u+w "$HOME/.local"')
    await home.json(['token', 'list'])
  })
})

describe('what is old enough', () => {
  const STEP_ROWS = 500
  const DAY_SECONDS = 86_400

  it('is removed in steps, after commands that change something; the rest stays', async () => {
    const home = await makeAuthority('read')
    await home.json(['client', 'create', 'important', '--scope', 'read', '--tier', 'high'])
    await home.json(['token', 'issue', '--client', 'important', '--count', '10'])
    await home.json(['token', 'issue', '--client', 'bot', '--count', '1200'])
    const db = new DatabaseSync(database(home))
    const count = (): unknown =>
      db.prepare('SELECT count(*) AS count FROM credential').get()?.['count']
    const age = (days: number): void => {
      const seconds = days * DAY_SECONDS
      db.exec(
        `UPDATE credential SET issued_s = issued_s - ${seconds}, expires_s = expires_s - ${seconds}`,
      )
    }
    // A standard one is kept for 30 days after its expiry, an important one for a year.
    age(29)
    await home.json(['key', 'rotate'])
    expect(count()).toBe(1210)
    age(2)
    await home.run(['token', 'list', '-q'])
    expect(count(), 'a list removes nothing').toBe(1210)
    const left: unknown[] = []
    for (let i = 0; i < 4; i++) {
      await home.json(['token', 'issue', '--client', 'bot'])
      left.push(count())
    }
    expect(left).toEqual([1211 - STEP_ROWS, 1212 - 2 * STEP_ROWS, 13, 14])
    db.close()
    expect(await home.json(['token', 'list', '--client', 'important'])).toMatchObject({
      items: Array.from({ length: 10 }, () => ({ state: 'expired' })),
    })
  })
})
