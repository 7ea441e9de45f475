import { existsSync, readdirSync, statSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { socketApi } from './api.ts'
import { examine } from './examine.ts'
import { fault } from './faults.ts'
import { type Home, type Json, makeAuthority, makeHome } from './harness.ts'
import { inTurns } from './pool.ts'

const database = ({ dataDir }: Home): string => join(dataDir, 'authority.db')
const codeOf = (err: string): unknown => JSON.parse(err.trimEnd().split('\n').at(-1) ?? '').code

describe('several at once', () => {
  it('two embedded commands issue and revoke side by side, and both always succeed', async () => {
    const home = await makeAuthority('read', 'write')
    const rounds = Array.from({ length: 20 }, (_, index) => index)
    const ids = await inTurns(rounds, async (round) => {
      const scope = round % 2 === 0 ? 'read' : 'write'
      const issue = ['token', 'issue', '--client', 'bot', '--scope', scope]
      const { credential } = await home.json(issue)
      const revoke = ['revoke', '--token', credential.id, '--reason', 'testing', '--yes']
      const { revocation } = await home.json(revoke)
      return { credential: credential.id, revocation: revocation.id }
    })
    const found = await examine(database(home))
    expect(new Set(found.credentials)).toEqual(new Set(ids.map(({ credential }) => credential)))
    expect(new Set(found.revocations)).toEqual(new Set(ids.map(({ revocation }) => revocation)))
    const { items } = await home.json(['token', 'list', '--state', 'revoked'])
    expect(items).toHaveLength(rounds.length)
  })

  it('two `init` at once make one authority', async () => {
    const home = await makeHome()
    const ran = await Promise.all([1, 2, 3].map(() => home.run(['init', '-o', 'json'])))
    expect(new Set(ran.map(({ status }) => status))).toEqual(new Set([0, 8]))
    expect(ran.filter(({ status }) => status === 0)).toHaveLength(1)
    for (const { status, err } of ran)
      expect(status === 0 || codeOf(err) === 'authority-exists').toBe(true)
    await home.json(['client', 'create', 'bot', '--scope', 'read'])
    await home.json(['token', 'issue', '--client', 'bot'])
  })

  it('of two `serve` at once one serves', async () => {
    const home = await makeAuthority('read')
    const both = [1, 2].map(() => home.start(['serve', '--listen', '127.0.0.1:0', '-o', 'json']))
    const first = await Promise.any(both.map(({ firstLine }) => firstLine))
    const lost = await Promise.race(both.map(({ done }) => done))
    expect(lost).toMatchObject({ status: 8, out: '' })
    expect(JSON.parse(first).url).toMatch(/^http:/)
    await home.json(['token', 'issue', '--client', 'bot'])
  })

  it('embedded commands beside a server, whose socket they do not see', async () => {
    const home = await makeAuthority('read')
    await home.serve()
    await home.shell('mv .local/share/credctl/serve.sock away.sock')
    const api = socketApi(home, home.path('away.sock'))
    const body = { clientId: 'bot', tags: { by: 'server' } }
    const [served] = await Promise.all([
      inTurns(Array.from({ length: 30 }).keys(), (n) =>
        api('/v1/credentials', { method: 'POST', body, headers: { 'idempotency-key': `n${n}` } }),
      ),
      inTurns(Array.from({ length: 10 }), () =>
        home.json(['token', 'issue', '--client', 'bot', '--tag', 'by=command']),
      ),
    ])
    for (const { status } of served) expect(status).toBe(200)
    const { tagged } = await examine(database(home))
    expect(tagged('by')).toEqual(
      new Map([
        ['server', 30],
        ['command', 10],
      ]),
    )
  })
})

describe('an idempotency key', () => {
  const send = (home: Home, key: string, body: object) =>
    socketApi(home)('/v1/credentials', {
      method: 'POST',
      body,
      headers: { 'idempotency-key': key },
    })

  it('gives the same credential again, and refuses another request', async () => {
    const home = await makeAuthority('read')
    await home.serve()
    const first = await send(home, 'a', { clientId: 'bot' })
    const second = await send(home, 'a', { clientId: 'bot' })
    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.body.items[0].credential).toEqual(first.body.items[0].credential)
    const other = await send(home, 'a', { clientId: 'bot', ttlSeconds: 60 })
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency-conflict' } })
    expect((await send(home, 'b', { clientId: 'bot' })).body.items[0].credential.id).not.toBe(
      first.body.items[0].credential.id,
    )
    expect((await examine(database(home))).credentials).toHaveLength(2)
  })

  it('lost its answer to a kill between commit and answer: sent again, it is answered alike', async () => {
    const home = await makeAuthority('read')
    const report = home.path('points')
    // The first mint of all also opens a status list, and the rehearsal is to be like the rest.
    await home.json(['token', 'issue', '--client', 'bot'])
    const rehearsed = await home.serve([], { preload: fault({ within: 'write', report }) })
    await send(home, 'rehearsal', { clientId: 'bot', tags: { key: 'rehearsal' } })
    await rehearsed.stop()
    const points: string[] = JSON.parse(await home.read('points'))
    const kill = points.indexOf('after COMMIT') + 1
    expect(kill).toBeGreaterThan(5)

    for (const [at, committed] of [
      [kill, 1],
      [kill - 1, 0],
    ] as const) {
      const key = `killed-at-${at}`
      const body = { clientId: 'bot', tags: { key } }
      const doomed = await home.serve([], { preload: fault({ within: 'write', kill: at }) })
      await expect(send(home, key, body)).rejects.toThrow(/closed|reset|hang up/)
      expect(await doomed.done).toMatchObject({ status: 137 })
      expect((await examine(database(home))).tagged('key').get(key) ?? 0).toBe(committed)
      const server = await home.serve()
      const again = await send(home, key, body)
      expect(again.status).toBe(200)
      const third = await send(home, key, body)
      expect(third.body.items[0].credential).toEqual(again.body.items[0].credential)
      expect((await examine(database(home))).tagged('key').get(key)).toBe(1)
      const { token } = again.body.items[0]
      expect(await home.run(['token', 'verify', '-'], { stdin: token })).toMatchObject({
        status: 0,
      })
      await server.stop()
    }
  })

  it('lets a command try again by itself when an answer is lost on the way, and do it once', async () => {
    const home = await makeAuthority('read')
    await home.json(['client', 'create', 'ops', '--scope', 'admin:*'])
    const { token } = await home.json(['token', 'issue', '--client', 'ops'])
    const { url } = await home.serve()
    const proxy = await lossyProxy(url, 2)
    const env = { CREDCTL_SERVER: proxy.url, CREDCTL_TOKEN: token }
    const issue = ['token', 'issue', '--client', 'bot', '--tag', 'key=lost']
    const { credential } = await home.json(issue, { env })
    expect(proxy.lost()).toBe(2)
    expect((await examine(database(home))).tagged('key').get('lost')).toBe(1)
    expect(await home.json(['token', 'show', credential.id])).toMatchObject({ state: 'active' })
  })
})

/** Passes bytes on, but cuts the first connections when their answers come. */
async function lossyProxy(url: string, losses: number) {
  const { hostname, port } = new URL(url)
  let lost = 0
  const proxy = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port) })
    near.on('error', () => far.destroy()).pipe(far)
    far.on('error', () => near.destroy())
    far.once('data', (chunk) => {
      if (losses <= lost) {
        near.write(chunk)
        return far.pipe(near)
      }
      lost += 1
      near.destroy()
      return far.destroy()
    })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  const address = proxy.address() as AddressInfo
  return { url: `http://127.0.0.1:${address.port}`, lost: () => lost }
}

describe('backup and restore', () => {
  it('a backup taken while others write is whole, and of one instant', async () => {
    const home = await makeAuthority('read', 'write')
    await home.json(['token', 'issue', '--client', 'bot', '--count', '500'])
    const copies = ['one.db', 'two.db', 'three.db'].map((name) => home.path(name))
    // A server keeps the log open, so that much of what is there is not in the file itself.
    await home.serve()
    const told: string[] = []
    const write = async (index: number): Promise<void> => {
      const revoke = ['revoke', '--client', 'bot', '--reason', 'testing', '--yes']
      const issue = ['token', 'issue', '--client', 'bot', '--count', '20']
      const { revocation, items } = await home.json(index % 4 === 0 ? revoke : issue)
      told.push(revocation?.id ?? items[0].credential.id)
    }
    const toldBefore = new Map<string, readonly string[]>()
    const backUp = async (): Promise<void> => {
      for (const copy of copies) {
        toldBefore.set(copy, [...told])
        await home.json(['backup', copy])
        expect(statSync(copy).mode & 0o777).toBe(0o600)
      }
    }
    await write(1)
    await Promise.all([backUp(), inTurns(Array.from({ length: 16 }).keys(), write, 2)])
    const whole = await examine(database(home))
    for (const copy of copies) {
      const found = await examine(copy)
      for (const list of ['credentials', 'revocations', 'feed'] as const) {
        expect(found[list]).toEqual(whole[list].slice(0, found[list].length))
      }
      expect(found.credentials.length % 20).toBe(0)
      // What somebody was told before the backup began is in it.
      const known = toldBefore.get(copy) ?? []
      expect(known).not.toEqual([])
      expect([...found.credentials, ...found.revocations]).toEqual(
        expect.arrayContaining([...known]),
      )
    }
    expect(await home.run(['backup', copies[0] ?? '', '-o', 'json'])).toMatchObject({ status: 2 })
  })

  /** A backup, and a token and a client that are younger than it. */
  async function backedUp() {
    const home = await makeAuthority('read')
    const issue = ['token', 'issue', '--client', 'bot', '-o', 'token']
    const before = (await home.run(issue)).out
    const copy = home.path('backup.db')
    await home.json(['backup', copy])
    const since = (await home.run(issue)).out
    await home.json(['client', 'create', 'later', '--scope', 'read'])
    const restore = ['restore', copy, '--confirm', 'restore', '-o', 'json']
    const verdict = async (token: string): Promise<string> => {
      const { out } = await home.run(['token', 'verify', '-', '-o', 'json'], { stdin: token })
      return (JSON.parse(out) as Json).verdict
    }
    return { home, before, since, copy, restore, issue, verdict }
  }

  it('a restore opens an epoch in which no token of before lives', async () => {
    const { home, before, since, restore, issue, verdict } = await backedUp()
    const old = (await examine(database(home))).feed.at(-1) ?? 0
    const restored = await home.json(restore.slice(0, -2))
    expect(restored).toMatchObject({ epoch: 2 })
    expect(restored.position).toBeGreaterThan(old)
    expect(await verdict(before)).toBe('revoked')
    // Of this one the authority knows nothing any more, but its key is revoked.
    expect(await verdict(since)).toBe('revoked')
    const fresh = (await home.run(issue)).out
    expect(await verdict(fresh)).toBe('accepted')
    const { clients } = await examine(database(home))
    expect(clients).toEqual(['bot'])
    expect(existsSync(restored.replaced)).toBe(true)
    expect(readdirSync(home.dataDir).filter((name) => name.includes('restoring'))).toEqual([])
    const again = await home.json(restore.slice(0, -2))
    expect(again.epoch).toBe(3)
    // Its key was made after the backup, so nobody knows it now.
    expect(await verdict(fresh)).toBe('invalid')
  })

  it('is refused while a server runs, and asks in scripts for its phrase', async () => {
    const { home, restore, copy, verdict, since } = await backedUp()
    const server = await home.serve()
    const ran = await home.run(restore)
    expect(ran).toMatchObject({ status: 8, out: '' })
    expect(codeOf(ran.err)).toBe('authority-serving')
    expect(await verdict(since)).toBe('accepted')
    await server.stop()
    expect(await home.run(['restore', copy, '--yes'])).toMatchObject({ status: 2, out: '' })
    expect(await verdict(since)).toBe('accepted')
    expect(await home.run(restore)).toMatchObject({ status: 0 })
  })

  it('is refused with another key-encryption key, and with what is no backup; nothing is changed', async () => {
    const { home, restore, since, verdict } = await backedUp()
    const stranger = await makeAuthority()
    const foreign = await home.run([...restore, '--data-dir', stranger.dataDir])
    expect(foreign).toMatchObject({ status: 1, out: '' })
    expect(codeOf(foreign.err)).toBe('key-locked')
    await stranger.json(['client', 'create', 'bot', '--scope', 'read'])

    const halves = (await home.read('backup.db')).length >> 1
    for (const [name, text] of [
      ['empty.db', ''],
      [
        'text.db',
        'this is no database, and it is long enough to be read as one by mistake'.repeat(99),
      ],
    ] as const) {
      const file = await home.write(name, text)
      const ran = await home.run(['restore', file, '--confirm', 'restore', '-o', 'json'])
      expect(ran, name).toMatchObject({ status: 1, out: '' })
      expect(codeOf(ran.err), name).toMatch(/^(?:store-corrupt|store-foreign|authority-missing)$/)
    }
    await home.shell(`head -c ${halves} backup.db > half.db`)
    const half = await home.run([
      'restore',
      home.path('half.db'),
      '--confirm',
      'restore',
      '-o',
      'json',
    ])
    expect(half).toMatchObject({ status: 1, out: '' })
    expect(codeOf(half.err)).toBe('store-corrupt')
    expect(await verdict(since)).toBe('accepted')
    expect(readdirSync(home.dataDir).toSorted()).toEqual(
      expect.not.arrayContaining(['authority.db.restoring']),
    )
  })

  it('killed before any statement it leaves the old authority or the new one, and can be run again', async () => {
    const { home, restore } = await backedUp()
    const report = home.path('points')
    const copy = async (name: string): Promise<string> => {
      await home.shell(
        `mkdir ${name} && cp .local/share/credctl/authority.db .local/share/credctl/key-encryption.key ${name}`,
      )
      return home.path(name)
    }
    const rehearsal = await copy('rehearsal')
    expect(
      await home.run([...restore, '--data-dir', rehearsal], { preload: fault({ report }) }),
    ).toMatchObject({ status: 0 })
    const points: string[] = JSON.parse(await home.read('points'))
    const after = (await examine(join(rehearsal, 'authority.db'))).feed.length
    const before = (await examine(database(home))).feed.length
    const found = await inTurns(
      points.keys().filter((index) => index % 3 === 0 || points.length - 12 < index),
      async (index) => {
        const folder = await copy(`killed-${index}`)
        const argv = [...restore, '--data-dir', folder]
        expect(await home.run(argv, { preload: fault({ kill: index + 1 }) })).toMatchObject({
          status: 137,
          out: '',
        })
        // Cut short while it is filled, the database refuses everything until a restore is run again.
        const { status, err } = await home.run(argv)
        expect(status, `${points[index]}: ${err}`).toBe(0)
        return (await examine(join(folder, 'authority.db'))).feed.length
      },
    )
    expect(before).toBeLessThan(after)
    for (const length of found) expect(length).toBeGreaterThanOrEqual(after)
  })
})
