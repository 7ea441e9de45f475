import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { append } from '#app/feed.ts'
import { createAuthority } from '#boot/authority.ts'
import { adopt } from '#boot/backup.ts'
import { takeLock } from '#boot/lock.ts'
import { keepPosition, readPosition, watchingPosition } from '#boot/position-file.ts'
import { epochEntry } from '#domain/feed/entry.ts'
import { position } from '#domain/feed/position.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { BEGINNING, createWorld, ISSUER, LOCAL, refusalOf, testClock } from '../world.ts'
import {
  bring,
  type DataFolder,
  dataFolder,
  issue,
  newFolder,
  type Opened,
  save,
  verdict,
} from './data-folder.ts'

let made = 0

/** An entry like no other, so that two feeds never have the same. */
const entry = ({ deps }: Opened) =>
  deps.store.write((tx) =>
    append(deps, tx, () => ({ op: 'lift', body: { id: `rev_${made++}` }, result: undefined })),
  )
const feedOf = ({ deps }: Opened) => deps.store.read((tx) => tx.feed())
const kept = ({ files }: DataFolder) => readPosition(files.position)
const stateAt = (at: ReturnType<typeof position>, fill = 1) => ({
  position: at,
  chain: new Uint8Array(32).fill(fill),
  timeMicros: 7,
})

/** Copies an old database over the new one, as somebody does who means well. */
function copyBack({ files }: DataFolder, old: string): void {
  for (const end of ['-wal', '-shm']) rmSync(files.database + end, { force: true })
  copyFileSync(old, files.database)
}

/** A data folder in whose place an older database was put, and how far the newer one had come. */
async function setBack() {
  const home = await dataFolder()
  const first = home.open()
  const [before = ''] = await issue(first)
  const old = join(home.folder, 'old.db')
  await save(home, old)
  await entry(first)
  await entry(first)
  const lost = await feedOf(first)
  await first.close()
  copyBack(home, old)
  return { home, old, before, lost }
}

describe('the position beside the database', () => {
  it('is there from the beginning, for its owner alone, and says where the feed stands', async () => {
    const home = await dataFolder()
    const here = home.open()
    const { position: at, chain, timeMicros } = await feedOf(here)
    expect(kept(home)).toEqual({ position: at, chain: encodeBase64url(chain), time: timeMicros })
    expect(statSync(home.files.position).mode & 0o777).toBe(0o600)
    expect(home.strays()).toEqual(['authority.db-shm', 'authority.db-wal'])
  })

  it('follows every entry, and nothing but entries', async () => {
    const home = await dataFolder()
    const here = home.open()
    for (let i = 0; i < 3; i++) {
      await entry(here)
      const { position: at, chain, timeMicros } = await feedOf(here)
      expect(kept(home)).toEqual({ position: at, chain: encodeBase64url(chain), time: timeMicros })
      const bytes = readFileSync(home.files.position, 'utf8')
      const { ino } = statSync(home.files.position)
      await issue(here)
      await here.deps.store.write((tx) => tx.advanceFeedTime(0))
      expect(readFileSync(home.files.position, 'utf8')).toBe(bytes)
      expect(statSync(home.files.position).ino).toBe(ino)
    }
  })

  it('does not follow what was rolled back', async () => {
    const home = await dataFolder()
    const here = home.open()
    await entry(here)
    const before = kept(home)
    const failed = here.deps.store.write(async (tx) => {
      await append(here.deps, tx, () => ({ op: 'lift', body: { id: 'x' }, result: undefined }))
      throw new Error('halfway')
    })
    await expect(failed).rejects.toThrow('halfway')
    expect(kept(home)).toEqual(before)
  })

  it.for([
    ['missing', (file: string) => rmSync(file)],
    ['empty', (file: string) => writeFileSync(file, '')],
    ['no JSON', (file: string) => writeFileSync(file, '{"position":')],
    ['null', (file: string) => writeFileSync(file, 'null')],
    ['a number', (file: string) => writeFileSync(file, '7')],
    ['of no position', (file: string) => writeFileSync(file, '{"position":7,"chain":"","time":1}')],
    ['without a chain', (file: string) => writeFileSync(file, '{"position":4294967297,"time":1}')],
    [
      'without a time',
      (file: string) => writeFileSync(file, '{"position":4294967297,"chain":"c"}'),
    ],
  ] as const)('that is %s is made anew, and nothing is refused', async ([, harm]) => {
    const home = await dataFolder()
    const before = kept(home)
    harm(home.files.position)
    expect(kept(home)).toBeUndefined()
    expect(await issue(home.open())).toHaveLength(1)
    expect(kept(home)).toEqual(before)
  })

  it('that is behind is normal, as after a crash, and catches up', async () => {
    const home = await dataFolder()
    const here = home.open()
    const early = readFileSync(home.files.position)
    await entry(here)
    await entry(here)
    const newest = kept(home)
    await here.close()
    writeFileSync(home.files.position, early)
    expect(await issue(home.open())).toHaveLength(1)
    expect(kept(home)).toEqual(newest)
  })

  it('is never replaced by a lesser one', () => {
    const file = join(newFolder(), 'p')
    for (const [sequence, fill, expected, expectedFill] of [
      [5, 1, 5, 1],
      [4, 2, 5, 1],
      [5, 2, 5, 1],
      [6, 2, 6, 2],
    ] as const) {
      keepPosition(file, stateAt(position(1, sequence), fill))
      expect(readPosition(file)).toEqual({
        position: position(1, expected),
        chain: encodeBase64url(new Uint8Array(32).fill(expectedFill)),
        time: 7,
      })
    }
  })

  it('that cannot be written fails nothing, and leaves nothing behind', () => {
    const folder = newFolder()
    const file = join(folder, 'p')
    mkdirSync(file)
    writeFileSync(join(file, 'x'), '')
    keepPosition(file, stateAt(position(1, 5)))
    expect(readdirSync(folder)).toEqual(['p'])
    keepPosition(join(folder, 'none', 'p'), stateAt(position(1, 5)))
    expect(readdirSync(folder)).toEqual(['p'])
  })
})

describe('an old database in the place of the newest', () => {
  it('issues nothing, says who has seen it and what helps, and revokes', async () => {
    const { home, before, lost } = await setBack()
    const here = home.open()
    const problem = await refusalOf(issue(here))
    expect(problem).toMatchObject({
      code: 'authority-restored',
      next: expect.stringContaining('credctl restore --adopt'),
      facts: { seenPosition: lost.position, position: lost.position - 2 },
    })
    expect(problem.message).toContain('the file beside it has seen')
    expect(await verdict(here, before)).toBe('accepted')
    await here.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing', block: false })
    expect(await verdict(here, before)).toBe('revoked')
    // However far it gets: the witness of what was lost stays.
    for (let i = 0; i < 4; i++) await entry(here)
    expect((await feedOf(here)).position).toBeGreaterThan(lost.position)
    expect(kept(home)?.chain).toBe(encodeBase64url(lost.chain))
    await here.close()
    expect((await refusalOf(issue(home.open()))).code).toBe('authority-restored')
  })

  it('is on record from its first transaction on, also where that was refused', async () => {
    const { home } = await setBack()
    const here = home.open()
    await refusalOf(issue(here))
    await here.close()
    rmSync(home.files.position)
    expect((await refusalOf(issue(home.open()))).code).toBe('authority-restored')
    expect(existsSync(home.files.position)).toBe(false)
  })

  it('is found out as well when it has gone on past where the newest was', async () => {
    const { home, lost } = await setBack()
    const witness = readFileSync(home.files.position)
    rmSync(home.files.position)
    const here = home.open()
    for (let i = 0; i < 3; i++) await entry(here)
    expect((await feedOf(here)).position).toBe(lost.position + 1)
    await here.close()
    writeFileSync(home.files.position, witness)
    expect((await refusalOf(issue(home.open()))).code).toBe('authority-restored')
  })

  it('is found out by another chain at the very place', async () => {
    const { home, lost } = await setBack()
    const witness = readFileSync(home.files.position)
    rmSync(home.files.position)
    const here = home.open()
    for (let i = 0; i < 2; i++) await entry(here)
    expect((await feedOf(here)).position).toBe(lost.position)
    await here.close()
    writeFileSync(home.files.position, witness)
    expect((await refusalOf(issue(home.open()))).code).toBe('authority-restored')
  })

  it('is healed by the newest one, where nothing was written meanwhile', async () => {
    const home = await dataFolder()
    const first = home.open()
    const old = join(home.folder, 'old.db')
    await save(home, old)
    await entry(first)
    await first.close()
    const newest = join(home.folder, 'newest.db')
    copyFileSync(home.files.database, newest)
    copyBack(home, old)
    const here = home.open()
    await refusalOf(issue(here))
    await here.close()
    copyBack(home, newest)
    expect(await issue(home.open())).toHaveLength(1)
  })

  it('that comes with a log of its own is found out too', async () => {
    const home = await dataFolder()
    const first = home.open()
    await entry(first)
    const old = join(home.folder, 'old.db')
    for (const end of ['', '-wal']) copyFileSync(home.files.database + end, old + end)
    expect(statSync(`${old}-wal`).size).toBeGreaterThan(0)
    await entry(first)
    const { position: lost } = await feedOf(first)
    await first.close()
    for (const end of ['', '-wal']) copyFileSync(old + end, home.files.database + end)
    const here = home.open()
    expect((await feedOf(here)).position).toBe(lost - 1)
    expect((await refusalOf(issue(here))).code).toBe('authority-restored')
  })

  it('with all of its folder is not seen here, only by who has followed the feed further', async () => {
    const home = await dataFolder()
    const first = home.open()
    const old = join(home.folder, 'old.db')
    await save(home, old)
    const early = readFileSync(home.files.position)
    await entry(first)
    await first.close()
    copyBack(home, old)
    writeFileSync(home.files.position, early)
    expect(await issue(home.open())).toHaveLength(1)
  })
})

describe('adopting an old database', () => {
  it('opens an epoch above all that was seen, in which nothing of before is good', async () => {
    const { home, before } = await setBack()
    const adopted = await adopt(home.data, {}, LOCAL)
    expect(adopted).toMatchObject({ epoch: 2, dataDir: home.data, issuer: ISSUER })
    expect(kept(home)?.position).toBe(adopted.position)
    const here = home.open()
    expect(await verdict(here, before)).toBe('revoked')
    const [fresh = ''] = await issue(here)
    expect(await verdict(here, fresh)).toBe('accepted')
    expect(home.strays()).toEqual(['authority.db-shm', 'authority.db-wal'])
  })

  it('goes above the epoch of the file, which may have seen more than any database left', async () => {
    const home = await dataFolder()
    const first = home.open()
    const old = join(home.folder, 'old.db')
    await save(home, old)
    await first.deps.store.write(async (tx) => {
      const state = await tx.feed()
      await tx.appendFeed(epochEntry(state, 2000), state.timeMicros + 1)
    })
    await first.close()
    copyBack(home, old)
    // A bare word would be believed so far only as no epochs are used up; the file is our own.
    expect((await adopt(home.data, {}, LOCAL)).epoch).toBe(2001)
  })

  it('cut short before the file was replaced needs not be done again', async () => {
    const { home } = await setBack()
    const witness = readFileSync(home.files.position)
    const here = home.open()
    for (let i = 0; i < 3; i++) await entry(here)
    await here.close()
    await adopt(home.data, {}, LOCAL)
    const after = kept(home)
    writeFileSync(home.files.position, witness)
    expect(await issue(home.open())).toHaveLength(1)
    expect(kept(home)).toEqual(after)
  })

  it('is refused while somebody serves, and where there is nothing', async () => {
    const { home } = await setBack()
    const release = takeLock(home.files.lock)
    expect((await refusalOf(adopt(home.data, {}, LOCAL))).code).toBe('authority-serving')
    release()
    const nowhere = join(home.folder, 'nowhere')
    expect((await refusalOf(adopt(nowhere, {}, LOCAL))).code).toBe('authority-missing')
    expect(existsSync(nowhere)).toBe(false)
  })

  it('is refused without its key, and gives the lock back', async () => {
    const { home } = await setBack()
    const key = readFileSync(home.files.keyEncryptionKey)
    rmSync(home.files.keyEncryptionKey)
    expect((await refusalOf(adopt(home.data, {}, LOCAL))).code).toBe('key-locked')
    writeFileSync(home.files.keyEncryptionKey, key)
    chmodSync(home.files.keyEncryptionKey, 0o600)
    await adopt(home.data, {}, LOCAL)
    takeLock(home.files.lock)()
  })
})

describe('a restore from a backup', () => {
  it('keeps its new position, above the epoch of the file', async () => {
    const { home, old } = await setBack()
    const seven = stateAt(position(7, 1))
    keepPosition(home.files.position, seven)
    const restored = await bring(home, old)
    expect(restored.epoch).toBe(8)
    expect(kept(home)?.position).toBe(restored.position)
    expect(await issue(home.open())).toHaveLength(1)
  })
})

describe('an authority made where one has been', () => {
  it('begins anew, whatever position lies there', async () => {
    const home = await dataFolder()
    const here = home.open()
    for (let i = 0; i < 5; i++) await entry(here)
    await here.close()
    rmSync(home.files.database)
    await createAuthority(home.data, ISSUER, {}, LOCAL)
    const again = home.open()
    expect(kept(home)?.position).toBe((await feedOf(again)).position)
    await again.admin.createClient({ id: 'a', scopes: ['read'] })
    expect(await issue(again)).toHaveLength(1)
  })
})

describe('a store that watches its position', () => {
  it('looks once, before its first transaction, and not when it only reads', async () => {
    const { store, deps } = await createWorld()
    const file = join(newFolder(), 'p')
    const watching = watchingPosition(store, file, testClock())
    await watching.read((tx) => tx.feed())
    expect(existsSync(file)).toBe(false)
    await watching.write(async () => undefined)
    expect(readPosition(file)?.position).toBe((await store.read((tx) => tx.feed())).position)
    rmSync(file)
    await watching.write(async () => undefined)
    expect(existsSync(file)).toBe(false)
    await watching.write((tx) =>
      append(deps, tx, () => ({ op: 'lift', body: { id: 'x' }, result: undefined })),
    )
    expect(readPosition(file)?.position).toBe((await store.read((tx) => tx.feed())).position)
  })

  it('keeps nothing of a feed that has not begun', async () => {
    const { store } = await createWorld({ bare: true })
    const file = join(newFolder(), 'p')
    await watchingPosition(store, file, testClock()).write(async () => undefined)
    expect(existsSync(file)).toBe(false)
  })

  it('takes nothing for denied that was collected since', async () => {
    const { store, deps } = await createWorld()
    const file = join(newFolder(), 'p')
    const lift = () =>
      store.write((tx) =>
        append(deps, tx, () => ({ op: 'lift', body: { id: 'x' }, result: undefined })),
      )
    await lift()
    const early = await store.read((tx) => tx.feed())
    keepPosition(file, early)
    await lift()
    const { position: newest } = await store.read((tx) => tx.feed())
    await store.write((tx) => tx.compactFeed({ floor: newest, endedBeforeSeconds: 0, limit: 9 }))
    expect(await store.read((tx) => tx.feedEntry(early.position))).toBeUndefined()
    await watchingPosition(store, file, testClock()).write(async () => undefined)
    expect(await store.read((tx) => tx.divergence())).toBeUndefined()
    expect(readPosition(file)?.position).toBe(newest)
  })

  it('says when it was seen, and looks again where its first transaction was undone', async () => {
    const { store } = await createWorld()
    const file = join(newFolder(), 'p')
    keepPosition(file, stateAt(position(1, 99)))
    const watching = watchingPosition(store, file, testClock())
    const undone = watching.write(() => Promise.reject(new Error('undone')))
    await expect(undone).rejects.toThrow('undone')
    expect(await store.read((tx) => tx.divergence())).toBeUndefined()
    await watching.write(async () => undefined)
    expect(await store.read((tx) => tx.divergence())).toEqual({
      position: position(1, 99),
      chain: encodeBase64url(new Uint8Array(32).fill(1)),
      seenBy: 'the file beside it',
      at: BEGINNING,
    })
  })
})
