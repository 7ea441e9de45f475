import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { appendParts } from '#app/append-parts.ts'
import { verifyChain } from '#domain/feed/chain.ts'
import type { FeedState } from '#domain/feed/entry.ts'
import { position } from '#domain/feed/position.ts'
import { createWorld, refusalOf, type TestWorld } from '../world.ts'

const LAST = 2 ** 32 - 1

/** A world whose feed has reached a place that nobody can fill an epoch up to in a test. */
async function worldAt(sequence: number): Promise<{ world: TestWorld; before: FeedState }> {
  const folder = await mkdtemp(join(tmpdir(), 'credctl-epoch-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'authority.db')
  await writeFile(path, '')
  const world = await createWorld({ path })
  await world.admin.createClient({ id: 'a', scopes: ['read'] })
  const db = new DatabaseSync(path)
  db.exec(`UPDATE feed SET position = ${position(1, sequence)}`)
  db.close()
  return { world, before: await world.store.read((tx) => tx.feed()) }
}

/** What follows, checked as everybody checks it: hash by hash, each epoch opened by its own entry. */
async function since({ store }: TestWorld, before: FeedState) {
  const entries = await store.read((tx) => tx.feedEntries(before.position, 100))
  expect(verifyChain(before, entries)).not.toHaveProperty('broken')
  return entries.map(({ op, position: at }) => [op, at])
}

/** A revocation of as many entries as it is said to have; what it is handed is the place of the last. */
const inParts = ({ deps, store }: TestWorld, count: number, given = count) =>
  store.write((tx) =>
    appendParts(deps, tx, count, ({ position: cut, publishedAt: published }) => ({
      bodies: Array.from({ length: given }, (_, i) => ({
        id: 'rev_1',
        selector: { tokens: [`cred_${i}`] },
        cut,
        published,
        reason: 'testing' as const,
        record: 'r'.repeat(43),
      })),
      untilSeconds: undefined,
      result: cut,
    })),
  )

describe('the last place of an epoch', () => {
  it('is followed by the entry that opens the next, and then by what was to be said', async () => {
    const { world, before } = await worldAt(LAST)
    await world.admin.rotateKey({})
    const entries = await since(world, before)
    expect(entries.slice(0, 2)).toEqual([
      ['epoch', position(2, 0)],
      ['key', position(2, 1)],
    ])
  })

  it('is taken before the next epoch is opened', async () => {
    const { world, before } = await worldAt(LAST - 1)
    await world.admin.rotateKey({})
    const entries = await since(world, before)
    expect(entries.slice(0, 2)).toEqual([
      ['key', position(1, LAST)],
      ['epoch', position(2, 0)],
    ])
  })

  it('leaves no room for a list of which a part would be in the next epoch', async () => {
    for (const [sequence, expected] of [
      [LAST - 2, [position(1, LAST - 1), position(1, LAST)]],
      [LAST - 1, [position(2, 0), position(2, 1), position(2, 2)]],
      [LAST, [position(2, 0), position(2, 1), position(2, 2)]],
    ] as const) {
      const { world, before } = await worldAt(sequence)
      expect(await inParts(world, 2)).toBe(expected.at(-1))
      expect((await since(world, before)).map(([, at]) => at)).toEqual(expected)
    }
  })

  it('says nothing of a list that has other parts than announced', async () => {
    const { world, before } = await worldAt(LAST - 9)
    for (const given of [1, 3]) {
      expect((await refusalOf(inParts(world, 2, given))).code).toBe('internal')
    }
    expect(await world.store.read((tx) => tx.feed())).toEqual(before)
  })
})
