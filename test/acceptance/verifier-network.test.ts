import { copyFile, cp, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { type Home, type Json, makeAuthority, root } from './harness.ts'
import { interceptor, tcpProxy } from './proxies.ts'
import { AUDIENCE, becomes, eventually, kill, resourceServer } from './resource-server.ts'

async function authority(): Promise<Home> {
  const home = await makeAuthority()
  for (const client of ['bot', 'other']) {
    await home.json(['client', 'create', client, '--scope', 'read', '--audience', AUDIENCE])
  }
  return home
}

const issue = async (home: Home, client = 'bot'): Promise<string> =>
  (await home.json(['token', 'issue', '--client', client])).token

const revoke = (home: Home, client = 'bot'): Promise<Json> =>
  home.json(['revoke', '--client', client, '--reason', 'testing', '--yes'])

const stalenessSeconds = 2

describe('on a network that', () => {
  it('cuts every connection: it comes again and misses nothing', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const proxy = await tcpProxy(url)
    const resource = await resourceServer(home, { issuer, url: proxy.url })
    const token = await issue(home)
    expect(await resource.verdict(token)).toBe('accepted')
    proxy.refuse()
    await revoke(home)
    proxy.heal()
    await becomes(resource, token, 'revoked')
    expect(await resource.alarms()).toEqual([])
  })

  it('stalls while connections stay open: stale at its limit, then it notices by itself', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const dead = await tcpProxy(url)
    const resource = await resourceServer(home, {
      issuer,
      url: [dead.url, url],
      stalenessSeconds,
    })
    const token = await issue(home)
    expect(await resource.verdict(token)).toBe('accepted')
    expect((await resource.status()).url).toBe(dead.url)
    dead.stall()
    await revoke(home)
    // The other address leads round it.
    await becomes(resource, token, 'revoked')
    expect((await resource.status()).url).toBe(url)
  })

  it('stalls everywhere: nothing is accepted after the limit, and it recovers', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const proxy = await tcpProxy(url)
    const resource = await resourceServer(home, { issuer, url: proxy.url, stalenessSeconds })
    const [stolen, good] = [await issue(home), await issue(home, 'other')]
    expect(await resource.verdict(stolen)).toBe('accepted')
    proxy.stall()
    await revoke(home)
    await becomes(resource, stolen, 'stale')
    expect(await resource.status()).toMatchObject({ state: 'stale', cause: 'lease' })
    proxy.heal()
    await becomes(resource, good, 'accepted')
    expect(await resource.verdict(stolen)).toBe('revoked')
  })

  it.for([200, 1500])('ends every answer after %i bytes', async (bytes) => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const proxy = await tcpProxy(url)
    const resource = await resourceServer(home, { issuer, url: proxy.url, stalenessSeconds })
    const [stolen, good] = [await issue(home), await issue(home, 'other')]
    expect(await resource.verdict(stolen)).toBe('accepted')
    proxy.truncate(bytes)
    await revoke(home)
    await eventually(async () => expect(await resource.verdict(stolen)).not.toBe('accepted'))
    proxy.heal()
    await becomes(resource, good, 'accepted')
    expect(await resource.verdict(stolen)).toBe('revoked')
  })

  it('says everything twice, and says nothing in order', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const between = await interceptor(url)
    let held: string | undefined
    between.change = (text, path) => {
      if (path !== '/v1/feed') return [text]
      const before = held
      held = text
      return before === undefined ? [] : [text, before, before]
    }
    const resource = await resourceServer(home, { issuer, url: between.url })
    const [stolen, good] = [await issue(home), await issue(home, 'other')]
    expect(await resource.verdict(stolen)).toBe('accepted')
    await revoke(home)
    await becomes(resource, stolen, 'revoked')
    expect(await resource.verdict(good)).toBe('accepted')
  })

  it('keeps one kind of event back: no entry, no acceptance beyond the limit', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const between = await interceptor(url)
    const resource = await resourceServer(home, { issuer, url: between.url, stalenessSeconds })
    const stolen = await issue(home)
    expect(await resource.verdict(stolen)).toBe('accepted')
    between.change = (text) =>
      text.includes('event: entry') || text.includes('"entries"') ? [] : [text]
    await revoke(home)
    await becomes(resource, stolen, 'stale')
    between.change = (text) => [text]
    await becomes(resource, stolen, 'revoked')
  })
})

describe('somebody in between', () => {
  it('who changes an entry is found out and deceives nobody', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const between = await interceptor(url)
    const resource = await resourceServer(home, { issuer, url: between.url, stalenessSeconds })
    const [stolen, good] = [await issue(home), await issue(home, 'other')]
    expect(await resource.verdict(stolen)).toBe('accepted')
    between.change = (text) => [
      text.replaceAll('"bot"', '"dog"').replaceAll('\\"bot\\"', '\\"dog\\"'),
    ]
    const { revocation } = await revoke(home)
    await eventually(async () => expect(await resource.alarms()).not.toEqual([]))
    await becomes(resource, stolen, 'stale')
    between.change = (text) => [text]
    await becomes(resource, good, 'accepted')
    expect(await resource.decide(stolen)).toMatchObject({ revocationId: revocation.id })
  })

  it('who adds an entry revokes nothing with it', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const between = await interceptor(url)
    const resource = await resourceServer(home, { issuer, url: between.url })
    const token = await issue(home)
    await issue(home, 'other')
    expect(await resource.verdict(token)).toBe('accepted')
    const { position = 0 } = await resource.status()
    const forged = {
      position: position + 1,
      op: 'revoke',
      id: 'rev_forged',
      selector: { all: true },
      cut: position + 1,
      published: 1,
      reason: 'testing',
      record: 'A'.repeat(43),
    }
    let isDone = false
    between.change = (text) => {
      if (isDone || !text.includes('event: head')) return [text]
      isDone = true
      return [`id: ${forged.position}\nevent: entry\ndata: ${JSON.stringify(forged)}\n\n`, text]
    }
    await eventually(() => expect(isDone).toBe(true))
    expect(await resource.verdict(token)).toBe('accepted')
    await revoke(home, 'other')
    await eventually(async () => expect((await resource.status()).position).toBe(position + 1))
    expect(await resource.verdict(token)).toBe('accepted')
  })

  it('who leads to a copy of the authority, keys and all, does not get it to go back', async () => {
    const home = await authority()
    const copy = home.path('copy')
    await cp(home.dataDir, copy, { recursive: true })
    const { issuer, url } = await home.serve()
    const proxy = await tcpProxy(url)
    const resource = await resourceServer(home, { issuer, url: proxy.url, stalenessSeconds })
    const [stolen, good] = [await issue(home), await issue(home, 'other')]
    await revoke(home)
    await becomes(resource, stolen, 'revoked')
    // The copy has its own past from here on: one place, two chains.
    const twin = await home.serve(['--data-dir', copy])
    await home.json(['client', 'create', 'x', '--scope', 'read', '--data-dir', copy])
    await home.json([
      'revoke',
      '--client',
      'x',
      '--block',
      '--reason',
      'testing',
      '-y',
      '--data-dir',
      copy,
    ])
    proxy.leadTo(twin.url)
    await eventually(async () => {
      expect(await resource.verdict(stolen)).not.toBe('accepted')
      expect((await resource.alarms()).join()).toMatch(/feed-diverged|contradicts|fork/)
    })
    await becomes(resource, good, 'stale')
    expect(await resource.verdict(stolen)).toBe('stale')
    proxy.leadTo(url)
    await becomes(resource, good, 'accepted')
    expect(await resource.verdict(stolen)).toBe('revoked')
  })
})

describe('the snapshot file', () => {
  it('that is an old one brings nothing back, and that is damaged is passed over', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const snapshotFile = home.path('state')
    const start = (to: string) => resourceServer(home, { issuer, url: to, snapshotFile })
    const [stolen, good] = [await issue(home), await issue(home, 'other')]
    const first = await start(url)
    await eventually(async () => expect(await readFile(snapshotFile, 'utf8')).toContain('feedKeys'))
    await copyFile(snapshotFile, home.path('old'))
    await kill(first)
    await revoke(home)

    // It speeds the fetch and grants nothing: without its authority it decides nothing.
    await copyFile(home.path('old'), snapshotFile)
    const proxy = await tcpProxy(url)
    proxy.refuse()
    const second = await start(proxy.url)
    expect(await second.decide(stolen)).toMatchObject({ verdict: 'stale', cause: 'cold' })
    proxy.heal()
    await becomes(second, good, 'accepted')
    expect(await second.verdict(stolen)).toBe('revoked')
    expect(await second.alarms()).toEqual([])
    await kill(second)

    await home.write('state', (await home.read('old')).replace('"key"', '"kex"'))
    const third = await start(url)
    expect(await third.verdict(stolen)).toBe('revoked')
    expect(await third.alarms()).toEqual([
      `the snapshot file ${snapshotFile} is passed over: it is damaged`,
    ])
  })
})

describe('a process of a user', () => {
  const script = (body: string) => `
    import { createVerifier } from ${JSON.stringify(new URL('dist/verifier.js', `file://${root}/`).href)}
    ${body}`

  it('is not kept alive by a verifier', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const options = JSON.stringify({ issuer, url, audience: AUDIENCE })
    const file = await home.write(
      'idle.mjs',
      script(
        `const verifier = await createVerifier(${options}); console.log(verifier.status().state)`,
      ),
    )
    const ran = await home.run([], { node: [file] })
    expect(ran).toEqual({ status: 0, out: 'fresh\n', err: '' })
  })

  it('ends after a close, with its lease given back', async () => {
    const home = await authority()
    const { issuer, url } = await home.serve()
    const options = JSON.stringify({ issuer, url, audience: AUDIENCE })
    const token = JSON.stringify(await issue(home))
    const file = await home.write(
      'closing.mjs',
      script(`const verifier = await createVerifier(${options})
        console.log((await verifier.verify(${token})).verdict)
        await verifier.close()
        console.log(verifier.status().state)`),
    )
    const ran = await home.run([], { node: [file] })
    expect(ran).toEqual({ status: 0, out: 'accepted\nclosed\n', err: '' })
  })
})
