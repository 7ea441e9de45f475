import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { examine, type Examined } from './examine.ts'
import { type Fault, fault } from './faults.ts'
import { type Home, makeAuthority, makeHome, type Ran } from './harness.ts'
import { inTurns } from './pool.ts'

/** A copy of the authority as it lies there, for one more death. */
function copy({ dataDir, path }: Home, name: string): string {
  const target = path(name)
  mkdirSync(target)
  for (const file of ['authority.db', 'key-encryption.key']) {
    copyFileSync(join(dataDir, file), join(target, file))
  }
  return target
}

const database = (directory: string): string => join(directory, 'authority.db')

/** Points up to and including the COMMIT that makes the deed; at the next one it is done. */
const pointsBeforeDone = (points: readonly string[]): number =>
  points.indexOf('COMMIT', points.indexOf('BEGIN IMMEDIATE')) + 1

const sizes = ({ credentials, revocations, keys, feed, audit, clients }: Examined) =>
  [credentials, revocations, keys, feed, audit, clients].map((list) => list.length)

/** Two tokens on record, and a revocation that can be lifted. */
async function stage(): Promise<{ home: Home; ids: Readonly<Record<string, string>> }> {
  const home = await makeAuthority('read', 'write')
  const { items } = await home.json(['token', 'issue', '--client', 'bot', '--count', '2'])
  const revoke = ['revoke', '--token', items[0].credential.id, '--reason', 'testing', '--yes']
  const { revocation } = await home.json(revoke)
  const { items: keys } = await home.json(['key', 'list', '--purpose', 'token'])
  return { home, ids: { REV: revocation.id, KEY: keys[0].id } }
}

describe('killed before every statement, and after every commit', () => {
  it.for<[string, string]>([
    ['issue', 'token issue --client bot --count 3'],
    ['revoke', 'revoke --client bot --reason compromise --yes'],
    ['revoke a key', 'revoke --key KEY --reason compromise --confirm key:KEY'],
    ['lift', 'revocation lift REV --yes'],
    ['rotate', 'key rotate'],
    ['create a client', 'client create second --scope read --auth secret'],
    ['disable a client', 'client disable bot --yes'],
  ])('%s: all of it or nothing', async ([, line]) => {
    const { home, ids } = await stage()
    const argv = line
      .split(' ')
      .map((word) => word.replaceAll(/REV|KEY/g, (name) => ids[name] ?? ''))
    const attempt = (directory: string, query: Fault): Promise<Ran> =>
      home.run([...argv, '--data-dir', directory, '-o', 'json'], { preload: fault(query) })

    const whole = copy(home, 'whole')
    const report = home.path('points')
    const ran = await attempt(whole, { report })
    expect(ran).toMatchObject({ status: 0 })
    const before = sizes(await examine(database(home.dataDir)))
    const after = sizes(await examine(database(whole)))
    expect(after).not.toEqual(before)

    const points: string[] = JSON.parse(await home.read('points'))
    const last = pointsBeforeDone(points)
    expect(points[last], 'the commit of the deed').toBe('after COMMIT')
    // Opening, and the sweeping after the answer, are the same for all: one of them dies there too.
    const isFirst = argv[0] === 'token'
    const begun = isFirst ? 0 : points.indexOf('BEGIN IMMEDIATE')
    const deaths = points.slice(begun, isFirst ? points.length : last + 3)
    const outcomes = await inTurns(deaths.keys(), async (death) => {
      const index = begun + death
      const directory = copy(home, `killed-${index}`)
      const { status, out } = await attempt(directory, { kill: index + 1 })
      return { index, status, out, found: await examine(database(directory)) }
    })
    for (const { index, status, out, found } of outcomes) {
      const at = `point ${index + 1}: ${points[index]}`
      expect(status, at).toBe(128 + 9)
      expect(sizes(found), at).toEqual(index < last ? before : after)
      // Nobody was told of what might still not be, and what was told is there.
      expect(out === '' || last < index, at).toBe(true)
      expect([...found.credentials, ...found.revocations, ...found.keys, '-'], at).toEqual(
        expect.arrayContaining(idsIn(out)),
      )
    }
  })
})

it('`init` is killed before every statement, and is run again', async () => {
  const home = await makeHome()
  const report = home.path('points')
  const init = (name: string): string[] => ['init', '--data-dir', home.path(name), '-o', 'json']
  await home.run(init('whole'), { preload: fault({ report }) })
  const points: string[] = JSON.parse(await home.read('points'))
  const isDone = await inTurns(points.keys(), async (index) => {
    const name = `killed-${index}`
    const preload = fault({ kill: index + 1 })
    expect(await home.run(init(name), { preload })).toMatchObject({ status: 137, out: '' })
    const { status, err } = await home.run(init(name))
    const isExisting = status === 8 && JSON.parse(err).code === 'authority-exists'
    expect(status === 0 || isExisting, err).toBe(true)
    await home.json(['client', 'create', 'bot', '--scope', 'read', '--data-dir', home.path(name)])
    await examine(database(home.path(name)))
    return isExisting
  })
  // One of its commits makes it: there is nothing of it before, and all of it from then on.
  const made = isDone.indexOf(true)
  expect(points[made]).toBe('after COMMIT')
  expect(isDone.slice(made)).not.toContain(false)
})

const idsIn = (text: string): string[] => text.match(/\b(?:cred|rev|key)_\w{20,}/g) ?? []
