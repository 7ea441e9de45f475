import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createVerifier } from '#boot/verifier.ts'
import { startVerifier } from '#boot/verifier/shell.ts'
import type { Decision } from '#boot/verifier/types.ts'
import { ended, machine, optionsFor, started, stateFile } from './stage.ts'
import { testAuthority, until } from './test-authority.ts'

describe('a machine that was asleep', () => {
  it('decides nothing before it has asked again', async () => {
    const authority = await testAuthority()
    let sleptMs = 0
    const verifier = await startVerifier(optionsFor(authority), {
      ...machine,
      clock: {
        steadyMs: () => performance.now(),
        wallMs: () => Date.now() + sleptMs,
        uptimeSeconds: () => 1000.01 + (performance.now() + sleptMs) / 1000,
      },
    })
    onTestFinished(() => verifier.close())
    const token = authority.issue()
    expect((await verifier.verify(token)).verdict).toBe('accepted')
    const asked = authority.questions.length
    // Nothing on the way any more, as after a night.
    authority.intercept = () => true
    sleptMs = 5_000
    expect(await verifier.verify(token)).toMatchObject({ verdict: 'stale', cause: 'clock' })
    authority.intercept = undefined
    await vi.waitFor(async () => expect((await verifier.verify(token)).verdict).toBe('accepted'), {
      timeout: 40_000,
    })
    expect(authority.questions.length).toBeGreaterThan(asked)
  })
})

describe('closing', () => {
  it('gives the lease back, tells who is watched, and decides nothing any more', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority)
    const token = authority.issue()
    const gone = ended(verifier, token)
    const kept = new Promise<Decision>((resolve) =>
      verifier.onRevoked(token, resolve, { keepWhileStale: true }),
    )
    await Promise.all([verifier.close(), verifier.close()])
    expect(authority.acknowledged.filter(({ released }) => released === true)).toHaveLength(1)
    expect(await gone).toMatchObject({ verdict: 'stale' })
    expect(await kept).toMatchObject({ verdict: 'stale' })
    expect(await verifier.verify(token)).toMatchObject({ verdict: 'stale', cause: 'cold' })
    expect(verifier.status()).toMatchObject({ state: 'closed' })
    expect(verifier.status()).not.toHaveProperty('cause')
    await until(() => authority.streams.size === 0)
  })

  it('ends where the authority does not answer', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority)
    authority.intercept = () => true
    await verifier.close()
    expect(verifier.status().state).toBe('closed')
  })

  it('happens at the end of a block', async () => {
    const authority = await testAuthority()
    {
      await using verifier = await createVerifier(optionsFor(authority))
      expect(verifier.status().state).toBe('fresh')
    }
    expect(authority.acknowledged.at(-1)).toMatchObject({ released: true })
  })

  it('happens by a signal, which is let go of then', async () => {
    const authority = await testAuthority()
    const controller = new AbortController()
    const verifier = await started(authority, { signal: controller.signal })
    controller.abort()
    expect(verifier.status().state).toBe('closed')
    await verifier.close()
    const listeners = new Set<() => void>()
    const other = await started(authority, {
      signal: {
        aborted: false,
        addEventListener: (_, listener) => void listeners.add(listener),
        removeEventListener: (_, listener) => void listeners.delete(listener),
      },
    })
    expect(listeners.size).toBe(1)
    await other.close()
    expect(listeners.size).toBe(0)
    const reading = new AbortController()
    const snapshotFile = await stateFile()
    const asked = authority.questions.length
    const begun = createVerifier({ ...optionsFor(authority), snapshotFile, signal: reading.signal })
    reading.abort('while it reads')
    await expect(begun).rejects.toBe('while it reads')
    await until(() => authority.streams.size === 0)
    expect(authority.questions.length).toBeLessThanOrEqual(asked + 1)
  })

  it('comes before anything is read, where the signal was aborted before the start', async () => {
    const snapshotFile = await stateFile()
    await writeFile(snapshotFile, 'rubbish\n', { mode: 0o600 })
    const alarms: string[] = []
    const never = createVerifier({
      ...optionsFor({ url: 'http://127.0.0.1:1' }),
      snapshotFile,
      onAlarm: ({ detail }) => void alarms.push(detail),
      signal: AbortSignal.abort('no'),
    })
    await expect(never).rejects.toBe('no')
    expect(alarms).toEqual([])
  })

  it('happens also where the signal was aborted in silence, while the file was read', async () => {
    const authority = await testAuthority()
    const listeners = new Set<() => void>()
    const signal = {
      aborted: false,
      reason: 'meanwhile',
      addEventListener: (_: string, listener: () => void) => void listeners.add(listener),
      removeEventListener: (_: string, listener: () => void) => void listeners.delete(listener),
    }
    const starting = startVerifier({ ...optionsFor(authority), signal }, machine)
    signal.aborted = true
    await expect(starting).rejects.toBe('meanwhile')
    await until(() => listeners.size === 0)
  })

  it('ends a start that waits for its first lease', async () => {
    const authority = await testAuthority()
    authority.intercept = () => true
    const controller = new AbortController()
    const options = { ...optionsFor(authority), signal: controller.signal }
    const starting = startVerifier(options, { ...machine, startMsMax: 3_600_000 })
    await until(() => 0 < authority.requests.length)
    controller.abort('enough')
    await expect(starting).rejects.toBe('enough')
  })

  it('answers at once who waits for a decision', async () => {
    const authority = await testAuthority()
    authority.intercept = () => true
    // Its first question is under way, and will be.
    const verifier = await startVerifier(optionsFor(authority), { ...machine, startMsMax: 1 })
    onTestFinished(() => verifier.close())
    const token = authority.issue()
    const deciding = verifier.verify(token)
    let decided: Decision | undefined
    void deciding.then((decision) => {
      decided = decision
    })
    const closing = verifier.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect(decided).toMatchObject({ verdict: 'stale' })
    await closing
  })
})

describe('a watch', () => {
  it('is told with what was applied, and not only when all are looked through', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority)
    // The looking through is done at intervals, of which there is none now.
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const gone = ended(verifier, authority.issue())
    authority.revoke({ clients: ['bot'] })
    expect(await gone).toMatchObject({ verdict: 'revoked' })
  })

  it('is set by a decision or a token, but not by a copy, which does not know its token', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority)
    const token = authority.issue()
    const decision = await verifier.verify(token)
    expect(JSON.stringify(decision)).not.toContain(token)
    expect(() => verifier.onRevoked({ ...decision }, () => undefined)).toThrow(
      expect.objectContaining({ code: 'usage-invalid', next: expect.stringMatching(/copy/) }),
    )
    for (const bad of [undefined, null, 5, {}]) {
      expect(() => verifier.onRevoked(bad as unknown as Decision, () => undefined)).toThrow(
        expect.objectContaining({ code: 'usage-invalid' }),
      )
      expect(() => verifier.onRevoked(decision, bad as unknown as () => void)).toThrow(
        expect.objectContaining({ code: 'usage-invalid', next: expect.stringMatching(/close/) }),
      )
    }
    const calls: string[] = []
    const watch = verifier.onRevoked(decision, () => calls.push('decision'))
    const other = verifier.onRevoked(token, () => calls.push('token'))
    const third = verifier.onRevoked(token, () => calls.push('third'))
    watch('an event', 'of a socket')
    third[Symbol.dispose]()
    authority.revoke({ clients: ['bot'] })
    await until(() => 0 < calls.length)
    expect(calls).toEqual(['token'])
    other()
  })
})

describe('the snapshot file', () => {
  it('speeds the next start: no entry of before is fetched again, and its keys are trusted', async () => {
    const authority = await testAuthority()
    authority.revoke({ clients: ['other'] })
    const snapshotFile = await stateFile()
    const first = await started(authority, { snapshotFile })
    await vi.waitFor(async () => expect(await readFile(snapshotFile, 'utf8')).toContain('rev_1'))
    await first.close()
    authority.requests.length = 0
    const second = await started(authority, { snapshotFile })
    expect(second.status()).toMatchObject({ state: 'fresh', position: authority.position() })
    const { headers } = authority.requests.find(({ path }) => path === '/v1/feed') ?? {}
    expect(headers?.['last-event-id'] ?? String(authority.position())).toBe(
      String(authority.position()),
    )
    expect(authority.requests.map(({ path }) => path)).not.toContain('/v1/feed/entries')
    expect(second.alarms).toEqual([])
  })

  it('grants no lease, and an old one brings back nothing that was revoked since', async () => {
    const authority = await testAuthority()
    const token = authority.issue()
    const snapshotFile = await stateFile()
    const first = await started(authority, { snapshotFile })
    await vi.waitFor(async () => expect(await readFile(snapshotFile, 'utf8')).not.toBe(''))
    const old = await readFile(snapshotFile)
    await first.close()
    authority.revoke({ clients: ['bot'] })
    await writeFile(snapshotFile, old)
    authority.intercept = () => true
    const controller = new AbortController()
    const held = createVerifier({
      ...optionsFor(authority),
      snapshotFile,
      signal: controller.signal,
    })
    await until(() => authority.requests.filter(({ path }) => path.endsWith('/sync')).length === 2)
    controller.abort('held')
    await expect(held).rejects.toBe('held')
    authority.intercept = undefined
    const second = await started(authority, { snapshotFile })
    expect((await second.verify(token)).verdict).toBe('revoked')
  })

  it('is not written by a verifier that has closed', async () => {
    const authority = await testAuthority()
    const [early, late] = [await stateFile(), await stateFile()]
    const first = await started(authority, { snapshotFile: early })
    await first.close()
    await started(authority, { snapshotFile: late })
    await until(() => existsSync(late))
    expect(existsSync(early)).toBe(false)
  })

  it('of another authority is passed over with an alarm', async () => {
    const authority = await testAuthority()
    const snapshotFile = await stateFile()
    await writeFile(snapshotFile, '{"format":"credctl-verifier-state","issuer":"x"}\n', {
      mode: 0o600,
    })
    const verifier = await started(authority, { snapshotFile })
    expect(verifier.status().state).toBe('fresh')
    expect(verifier.alarms).toEqual([
      `the snapshot file ${snapshotFile} is passed over: it is of another authority`,
    ])
  })
})
