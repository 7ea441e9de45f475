import { writeFile } from 'node:fs/promises'
import { createServer as createHttps } from 'node:https'
import { protectedResourceMetadata } from '#boot/verifier/resource.ts'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createVerifier } from '#boot/verifier.ts'
import { settle } from '#boot/verifier/options.ts'
import { configOf, startVerifier } from '#boot/verifier/shell.ts'
import { selfSigned } from '../../../acceptance/certificate.ts'
import { ended, optionsFor, patient, proxyTo, started, stateFile } from './stage.ts'
import { AUDIENCE, ISSUER, testAuthority, until } from './test-authority.ts'

describe('a verifier', () => {
  it('starts with a lease, accepts, and stops accepting what is revoked', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority)
    const token = authority.issue()
    const decision = await verifier.verify(token, { scopes: ['read'] })
    expect(decision).toMatchObject({ verdict: 'accepted', claims: { client_id: 'bot' } })
    const both = Promise.all([ended(verifier, decision), ended(verifier, token)])
    const revocationId = authority.revoke({ clients: ['bot'] }, { message: 'rotate your key' })
    const revoked = {
      verdict: 'revoked',
      reason: 'testing',
      message: 'rotate your key',
      revocationId,
    }
    expect(await both).toEqual([expect.objectContaining(revoked), expect.objectContaining(revoked)])
    expect(await verifier.verify(token)).toMatchObject(revoked)
    expect(await verifier.verify(authority.issue())).toMatchObject({ verdict: 'accepted' })
    await until(() => authority.acknowledged.at(-1)?.['position'] === authority.position())
    expect(verifier.alarms).toEqual([])
    const { incarnation } = authority.questions[0] ?? {}
    expect(verifier.status()).toEqual({
      state: 'fresh',
      position: authority.position(),
      headAgeSeconds: expect.any(Number),
      name: 'api-1',
      url: authority.url,
      incarnation,
    })
    expect(verifier.status().headAgeSeconds).toBeGreaterThanOrEqual(0)
    expect(incarnation).toMatch(/^[\w-]{22}$/)
  })

  it('demands what it is told to demand', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority)
    const token = authority.issue({ acr: 'pwd', auth_time: 1 })
    const verdict = async (options: object) => (await verifier.verify(token, options)).verdict
    expect(await verdict({})).toBe('accepted')
    expect(await verdict({ scopes: ['read', 'write'] })).toBe('accepted')
    expect(await verdict({ scopes: ['read', 'admin'] })).toBe('insufficient-scope')
    expect(await verdict({ acr: ['pwd', 'mfa'] })).toBe('accepted')
    expect(await verdict({ acr: ['mfa'] })).toBe('step-up-required')
    expect(await verdict({ maxAgeSeconds: 60 })).toBe('step-up-required')
    await expect(verdict({ scopes: 'read' })).rejects.toMatchObject({ code: 'usage-invalid' })
    expect(() => verifier.middleware({ scopes: [''] })).toThrow(/scopes/)
    const resource = protectedResourceMetadata({
      resource: 'https://somebody.example',
      authorizationServers: ['https://auth.example'],
    })
    expect(() => verifier.middleware({ resource })).toThrow(/audiences/)
    const request = new Request('https://somebody.example')
    await expect(verifier.guard(request, { resource })).rejects.toThrow(/audiences/)
    const text = undefined as unknown as string
    expect(await verifier.verify(text)).toEqual({ verdict: 'invalid', detail: 'it is no text' })
  })

  it('is told so at once when its options are wrong, and asks nobody', async () => {
    const authority = await testAuthority()
    const wrong = createVerifier({ ...optionsFor(authority), leewaySeconds: 60 })
    await expect(wrong).rejects.toMatchObject({ code: 'usage-invalid' })
    expect(authority.requests).toEqual([])
  })

  it('passes its options on to the core', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority, { mode: 'strict', audience: ['x', AUDIENCE] })
    expect(authority.questions[0]).toMatchObject({
      mode: 'strict',
      name: 'api-1',
      audiences: ['x', AUDIENCE],
    })
    const decision = await verifier.verify(authority.issue({ aud: 'x' }))
    expect(decision.verdict).toBe('accepted')
  })

  it('passes on what only the core can see', () => {
    const { feedKeys, ...config } = configOf(
      settle({
        issuer: ISSUER,
        audience: AUDIENCE,
        mode: 'relaxed',
        leewaySeconds: 0.5,
        stalenessSeconds: 7,
        signatureCacheSize: 9,
        name: 'n',
      }),
      'i',
    )
    expect(feedKeys).toBeUndefined()
    expect(config).toEqual({
      issuer: ISSUER,
      audiences: [AUDIENCE],
      name: 'n',
      mode: 'relaxed',
      incarnation: 'i',
      leewayMicros: 500_000,
      stalenessSeconds: 7,
      signaturesKeptMax: 9,
    })
  })

  it('has no lease beyond its own limit', async () => {
    const authority = await testAuthority()
    const proxy = await proxyTo(authority.url)
    const verifier = await started(proxy, { stalenessSeconds: 1.2 })
    const token = authority.issue()
    expect((await verifier.verify(token)).verdict).toBe('accepted')
    const gone = ended(verifier, token)
    proxy.isStalled = true
    expect(await gone).toMatchObject({ verdict: 'stale' })
    expect(verifier.status()).toMatchObject({ state: 'stale', cause: 'lease' })
    const revocationId = authority.revoke({ clients: ['bot'] })
    expect(await verifier.verify(token)).toMatchObject({ verdict: 'stale', retryAfterSeconds: 1 })
    proxy.isStalled = false
    proxy.cut()
    await vi.waitFor(async () => expect((await verifier.verify(token)).verdict).toBe('revoked'), {
      timeout: 40_000,
    })
    expect(await verifier.verify(token)).toMatchObject({ revocationId })
  })

  it('trusts the pinned keys and no others', async () => {
    const authority = await testAuthority()
    const other = await testAuthority()
    const good = await started(authority, { feedKeys: { keys: [authority.feedKey.jwk] } })
    expect(good.status().state).toBe('fresh')
    const starting = started(authority, { feedKeys: [other.feedKey.jwk] })
    const verifier = await starting
    expect(verifier.status()).toMatchObject({ state: 'stale', cause: 'cold' })
  })

  it('waits for what it does not know yet, shares the question, and then accepts', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority, {}, patient)
    await until(() => authority.streams.size === 1)
    const before = authority.questions.length
    // A stream that is silent: only by asking can it come to know.
    authority.streams.clear()
    authority.append('lift', { id: 'rev_none' })
    const token = authority.issue()
    const decisions = await Promise.all([verifier.verify(token), verifier.verify(token)])
    expect(decisions.map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted'])
    expect(authority.questions.length).toBe(before + 1)
  })

  it('waits for the answer that is under way', async () => {
    const authority = await testAuthority()
    const { promise, resolve } = Promise.withResolvers<void>()
    authority.gate = promise
    const verifier = await startVerifier(optionsFor(authority), { ...patient, startMsMax: 1 })
    onTestFinished(() => verifier.close())
    expect(verifier.status().state).toBe('stale')
    const deciding = verifier.verify(authority.issue())
    await until(() => 0 < authority.requests.length)
    resolve()
    expect((await deciding).verdict).toBe('accepted')
  })

  it('answers `stale` at once where nobody can be asked', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority, { stalenessSeconds: 1.2 })
    const token = authority.issue()
    const gone = ended(verifier, token)
    await authority.stop()
    await gone
    expect(await verifier.verify(token)).toMatchObject({ verdict: 'stale', cause: 'lease' })
    await until(() => verifier.status().failure === 'ECONNREFUSED')
    // Between two attempts there is nothing to wait for.
    const settled: boolean[] = []
    for (let attempt = 0; attempt < 4; attempt++) {
      let isSettled = false
      const deciding = verifier.verify(token).then(() => {
        isSettled = true
      })
      await new Promise((resolve) => setImmediate(resolve))
      settled.push(isSettled)
      await deciding
    }
    expect(settled).toContain(true)
    await authority.restart()
    await vi.waitFor(async () => expect((await verifier.verify(token)).verdict).toBe('accepted'), {
      timeout: 40_000,
    })
    expect(verifier.status()).not.toHaveProperty('failure')
  })

  it('comes up while the authority is down, and recovers by itself', async () => {
    const authority = await testAuthority()
    const token = authority.issue()
    await authority.stop()
    const verifier = await started(authority)
    expect(verifier.status()).toMatchObject({ state: 'stale', cause: 'cold' })
    expect(await verifier.verify(token)).toMatchObject({ verdict: 'stale', cause: 'cold' })
    await authority.restart()
    await vi.waitFor(async () => expect((await verifier.verify(token)).verdict).toBe('accepted'), {
      timeout: 40_000,
    })
  })

  it('goes to another address where the first does not answer', async () => {
    const gone = await testAuthority()
    await gone.stop()
    const authority = await testAuthority()
    const verifier = await started(authority, { url: [gone.url, authority.url] })
    expect(verifier.status()).toMatchObject({ state: 'fresh', url: authority.url })
  })

  it('opens its stream again where it was cut', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority)
    const token = authority.issue()
    const gone = ended(verifier, token)
    await until(() => authority.streams.size === 1)
    authority.cut()
    await until(() => authority.streams.size === 0)
    authority.revoke({ clients: ['bot'] })
    expect(await gone).toMatchObject({ verdict: 'revoked' })
    const { headers } = authority.requests.findLast(({ path }) => path === '/v1/feed') ?? {}
    expect(Number(headers?.['last-event-id'])).toBeGreaterThan(0)
  })

  it('takes the snapshot where it is below the floor', async () => {
    const authority = await testAuthority()
    authority.revoke({ clients: ['bot'] })
    const token = authority.issue({ feed_seq: 4294967296, root_seq: 4294967296 })
    authority.floor = authority.position()
    const verifier = await started(authority)
    expect((await verifier.verify(token)).verdict).toBe('revoked')
    expect(authority.requests.map(({ path }) => path)).toContain('/v1/feed/snapshot')
  })

  it('takes the snapshot where its stream says that its place is gone', async () => {
    const authority = await testAuthority()
    authority.intercept = (request, response) => {
      if (request.url?.startsWith('/v1/feed?') !== true) return false
      response.writeHead(410, { 'content-type': 'application/json' })
      response.end('{"code":"feed-compacted","detail":"gone"}')
      return true
    }
    await started(authority)
    await until(() => authority.requests.some(({ path }) => path === '/v1/feed/snapshot'))
    expect(authority.floor).toBe(4294967296)
  })

  it('alarms where an entry was forged on the way, and is not deceived', async () => {
    const authority = await testAuthority()
    const proxy = await proxyTo(authority.url)
    const verifier = await started(proxy)
    const token = authority.issue()
    expect((await verifier.verify(token)).verdict).toBe('accepted')
    await until(() => authority.streams.size === 1)
    proxy.change = (text) => text.replaceAll('"clients":["bot"]', '"clients":["dog"]')
    const gone = ended(verifier, token)
    authority.revoke({ clients: ['bot'] })
    await vi.waitFor(() => expect(verifier.alarms.join()).toMatch(/does not speak for/))
    proxy.change = (text) => text
    expect(await gone).toMatchObject({ verdict: 'revoked' })
  })

  it('says what the authority refuses it with, once and not with every try', async () => {
    const authority = await testAuthority()
    let tries = 0
    authority.intercept = (request, response) => {
      if (request.url !== '/v1/feed/sync') return false
      tries += 1
      response.writeHead(401, { 'content-type': 'application/json' })
      response.end('{"code":"token-refused","detail":"the credential was removed"}')
      return true
    }
    const controller = new AbortController()
    const alarms: string[] = []
    const starting = createVerifier({
      ...optionsFor(authority),
      signal: controller.signal,
      onAlarm: ({ detail }) => void alarms.push(detail),
    })
    await until(() => 3 <= tries)
    controller.abort(new Error('enough'))
    await expect(starting).rejects.toThrow('enough')
    expect(alarms).toEqual([
      'the authority gives no head: the credential was removed [token-refused]',
    ])
  })

  it('alarms where the certificate is not trusted, and not where one is restarting', async () => {
    const { cert, key } = selfSigned(new Date())
    const authority = await testAuthority({
      listen: (handler) => createHttps({ cert, key }, handler),
    })
    const trusting = await started(authority, { ca: cert })
    expect(trusting.status()).toMatchObject({
      state: 'fresh',
      url: expect.stringMatching(/^https/),
    })
    expect(trusting.alarms).toEqual([])
    const doubting = await started(authority)
    expect(doubting.status()).toMatchObject({ state: 'stale', cause: 'cold' })
    expect(doubting.alarms[0]).toBe('the authority gives no head: DEPTH_ZERO_SELF_SIGNED_CERT')
    authority.intercept = (_, response) => {
      response.writeHead(503, { 'content-type': 'application/json' })
      response.end('{"code":"authority-stopping","detail":"it stops"}')
      return true
    }
    const waiting = await started(authority, { ca: cert })
    expect(waiting.status()).toMatchObject({ failure: 'it stops [authority-stopping]' })
    expect(waiting.alarms).toEqual([])
  })

  it('warns the process where nobody listens to alarms', async () => {
    const authority = await testAuthority()
    const path = await stateFile()
    await writeFile(path, 'rubbish\n', { mode: 0o600 })
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve))
    const verifier = await createVerifier({ ...optionsFor(authority), snapshotFile: path })
    onTestFinished(() => verifier.close())
    expect(await warning).toMatchObject({ name: 'CredctlAlarm', code: 'CREDCTL_ALARM' })
  })

  it('waits a random part of the hint before it acknowledges', async () => {
    const authority = await testAuthority()
    await started(authority)
    await until(() => authority.streams.size === 1)
    for (const stream of authority.streams) stream.write('event: spread\ndata: 50\n\n')
    authority.append('lift', { id: 'rev_none' })
    await until(() => authority.acknowledged.at(-1)?.['position'] === authority.position())
    expect(authority.acknowledged).not.toContainEqual(expect.objectContaining({ released: true }))
  })
})
