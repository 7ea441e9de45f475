import { describe, expect, it } from 'vitest'
import { HEAD_TYPE } from '#domain/feed/head.ts'
import { signingInput } from '#domain/credential/token.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { SyncQuestion, VerifierEffect } from '#verifier/asker.ts'
import { createVerifierCore, type VerifierCore } from '#verifier/core.ts'
import { soundRules } from '#verifier/rules.ts'
import { BEGINNING, createWorld, ISSUER, seededEntropy, type TestWorld } from '../world.ts'

const SECOND = 1_000_000
const AUDIENCE = 'https://api.example.com'

/** A verifier by hand: the test is its clock, its network and its timer. */
interface Bench {
  readonly world: TestWorld
  readonly core: VerifierCore
  readonly issue: (input?: object) => Promise<string>
  /** Asks the authority what an effect asks. */
  readonly answer: (question: SyncQuestion) => Promise<{ head: string; feedKeys: Jwk[] }>
  /** Starts, and answers the first question; local time 0, with nothing lost on the way. */
  readonly start: () => Promise<void>
  readonly verdict: (token: string, nowMicros?: number, scopes?: readonly string[]) => unknown
}
type Jwk = Record<string, string>

async function bench(leewaySeconds = 2): Promise<Bench> {
  const world = await createWorld()
  await world.admin.createClient({
    id: 'bot',
    scopes: ['deploy:prod', 'deploy:eu'],
    audiences: [AUDIENCE, 'https://other.example.com'],
  })
  const core = createVerifierCore(
    {
      issuer: ISSUER,
      audiences: [AUDIENCE],
      name: 'api-1',
      mode: 'standard',
      incarnation: 'i'.repeat(22),
      leewayMicros: leewaySeconds * SECOND,
    },
    {
      entropy: seededEntropy(5),
      rules: soundRules,
      verifySignature: (jwk, { signed, signature }) =>
        world.deps.signer.verify(jwk, signed, signature),
    },
  )
  const answer: Bench['answer'] = (question) =>
    world.admin.syncFeed({ ...question, audiences: [...question.audiences] })
  return {
    world,
    core,
    answer,
    issue: async (input = {}) => {
      const { items } = await world.admin.issueTokens({
        clientId: 'bot',
        ttlSeconds: 60,
        audience: [AUDIENCE],
        ...input,
      })
      return items[0]?.token ?? ''
    },
    async start() {
      const question = questionIn(core.on({ kind: 'started' }, 0))
      const { nonce } = question
      core.on({ kind: 'answered', nonce, ...(await answer(question)) }, 0)
    },
    verdict: (token, nowMicros = 0, scopes = []) => {
      const { decision } = core.decide({ token, arrivedMicros: nowMicros, scopes }, nowMicros)
      const { verdict, cause } = decision
      return cause === undefined ? verdict : `${verdict} ${cause}`
    },
  }
}

function questionIn(effects: readonly VerifierEffect[]): SyncQuestion {
  const ask = effects.find((effect) => effect.kind === 'ask')
  if (ask === undefined) throw new Error(`it asks nothing: ${JSON.stringify(effects)}`)
  return ask.question
}
const kinds = (effects: readonly VerifierEffect[]): string[] => effects.map(({ kind }) => kind)

describe('a verifier', () => {
  it('that has heard nothing says so, and asks', async () => {
    const { core, issue } = await bench()
    const token = await issue()
    const { decision, effects } = core.decide({ token, arrivedMicros: 0, scopes: [] }, 0)
    expect(decision).toMatchObject({ verdict: 'stale', cause: 'cold', retryAfterSeconds: 1 })
    expect(questionIn(effects)).toMatchObject({ name: 'api-1', audiences: [AUDIENCE] })
    expect(questionIn(effects)).not.toHaveProperty('applied')
  })

  it('decides at the edges of a token’s life to the microsecond', async () => {
    const { core, issue, start, verdict } = await bench()
    const token = await issue()
    await start()
    const { lowerMicros, upperMicros } = core.interval(0) ?? { lowerMicros: 0, upperMicros: 0 }
    const until = BEGINNING * 1000 + 60 * SECOND
    // In whole seconds of local time the drift is 200 µs, so these are the last and the first.
    const lastAccepted = (until + 2 * SECOND - upperMicros) / (1 + 200e-6)
    const firstExpired = (until - lowerMicros) / (1 - 200e-6)
    expect(verdict(token, Math.floor(lastAccepted) - 2)).toBe('accepted')
    expect(verdict(token, Math.ceil(lastAccepted) + 2)).toBe('expired')
    expect(firstExpired).toBeLessThan(lastAccepted)
  })

  it('without a leeway says where nothing is certain', async () => {
    const { issue, start, verdict } = await bench(0)
    const token = await issue()
    await start()
    expect(verdict(token, 0)).toBe('stale clock')
    expect(verdict(token, 30 * SECOND)).toBe('accepted')
    expect(verdict(token, 60 * SECOND)).toBe('stale clock')
    expect(verdict(token, 61 * SECOND)).toBe('expired')
  })

  it('checks audience, scope, form and signature', async () => {
    const { issue, start, verdict } = await bench()
    await start()
    const token = await issue({ scopes: ['deploy:prod'] })
    expect(verdict(token, 0, ['deploy:prod'])).toBe('accepted')
    expect(verdict(token, 0, ['deploy:*'])).toBe('accepted')
    expect(verdict(token, 0, ['deploy:eu'])).toBe('insufficient-scope')
    expect(verdict(await issue({ audience: ['https://other.example.com'] }))).toBe('invalid')
    expect(verdict(token.slice(0, -3))).toBe('invalid')
    expect(verdict('')).toBe('invalid')
  })

  it('asks about a key and a position that it does not know, once, and believes the answer', async () => {
    const { world, core, issue, start, answer, verdict } = await bench()
    await start()
    await world.admin.rotateKey({})
    const token = await issue()
    const now = SECOND
    const { decision, effects } = core.decide({ token, arrivedMicros: now, scopes: [] }, now)
    expect(decision).toMatchObject({ verdict: 'stale', cause: 'behind' })
    const question = questionIn(effects)
    expect(question.applied?.position).toBe(core.applied()?.position)
    // Whoever comes meanwhile shares the question.
    expect(kinds(core.decide({ token, arrivedMicros: now, scopes: [] }, now).effects)).toEqual([])
    const { nonce } = question
    core.on({ kind: 'answered', nonce, ...(await answer(question)) }, now + 1000)
    expect(verdict(token, now + 1000)).toBe('accepted')
  })

  it('calls a key invalid only when a head issued after the token came does not know it', async () => {
    const { core, issue, start, answer } = await bench()
    await start()
    const [, payload, mark] = (await issue()).split('.')
    const header = encodeBase64url(
      new TextEncoder().encode('{"typ":"at+jwt","alg":"ES256","kid":"key_x"}'),
    )
    const token = `${header}.${payload}.${mark}`
    const arrivedMicros = SECOND
    const decide = (now: number) => core.decide({ token, arrivedMicros, scopes: [] }, now)
    const { decision, effects } = decide(arrivedMicros)
    expect(decision).toMatchObject({ verdict: 'stale', cause: 'behind' })
    const question = questionIn(effects)
    const { nonce } = question
    core.on({ kind: 'answered', nonce, ...(await answer(question)) }, arrivedMicros + 5000)
    expect(decide(arrivedMicros + 5000).decision.verdict).toBe('invalid')
  })

  it('stops deciding when drift has widened its interval beyond the leeway', async () => {
    const { issue, start, verdict } = await bench()
    await start()
    const token = await issue({ ttlSeconds: 3600 })
    expect(verdict(token, 3000 * SECOND)).toBe('accepted')
    expect(verdict(token, 3900 * SECOND)).toBe('stale clock')
  })
})

describe('a question', () => {
  it('is asked again in time, and every few minutes for the keys', async () => {
    const { core, start } = await bench()
    await start()
    expect(kinds(core.on({ kind: 'woken' }, 299 * SECOND))).toEqual([])
    expect(kinds(core.on({ kind: 'woken' }, 300 * SECOND))).toEqual(['ask', 'wake'])
  })

  it('is given up after two seconds, and asked anew after a pause', async () => {
    const { core, answer } = await bench()
    const question = questionIn(core.on({ kind: 'started' }, 0))
    expect(kinds(core.on({ kind: 'woken' }, 2 * SECOND - 1))).toEqual([])
    const [wake] = core.on({ kind: 'woken' }, 2 * SECOND)
    const at = wake?.kind === 'wake' ? wake.atMicros : 0
    expect(2.25 * SECOND <= at && at <= 2.5 * SECOND).toBe(true)
    expect(kinds(core.on({ kind: 'woken' }, at - 1))).toEqual(['wake'])
    const next = questionIn(core.on({ kind: 'woken' }, at))
    expect(next.nonce).not.toBe(question.nonce)
    // The answer to the first comes late; it says nothing any more.
    const { nonce } = question
    expect(core.on({ kind: 'answered', nonce, ...(await answer(question)) }, at)).toEqual([])
    expect(core.applied()).toBeUndefined()
  })

  it('is asked with longer and longer pauses, four seconds at most', async () => {
    const { core } = await bench()
    let now = 0
    let question = questionIn(core.on({ kind: 'started' }, now))
    const pauses: number[] = []
    for (let i = 0; i < 12; i++) {
      const [wake] = core.on({ kind: 'unanswered', nonce: question.nonce }, now)
      const at = wake?.kind === 'wake' ? wake.atMicros : 0
      pauses.push(at - now)
      now = at
      question = questionIn(core.on({ kind: 'woken' }, now))
    }
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(SECOND / 4)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(4 * SECOND)
    expect(pauses[0]).toBeLessThan(pauses[11] ?? 0)
  })

  it('whose answer took longer than the leeway is asked again', async () => {
    const { core, answer } = await bench()
    const question = questionIn(core.on({ kind: 'started' }, 0))
    const { nonce } = question
    const late = core.on({ kind: 'answered', nonce, ...(await answer(question)) }, 1.6 * SECOND)
    expect(kinds(late)).toEqual(['wake'])
    expect(core.applied()).toBeUndefined()
  })
})

describe('a head is refused, with an alarm,', () => {
  const cases = [
    ['that answers another question', { claims: { nonce: 'x'.repeat(43) } }],
    ['of another authority', { claims: { iss: 'https://other' } }],
    ['of another type', { header: { typ: 'at+jwt' } }],
    ['with a demand that nobody knows', { header: { crit: ['b64'] } }],
    ['signed with a key for tokens', { purpose: 'token' }],
    ['that is not signed', { header: { alg: 'none' } }],
    ['whose signature is another’s', { spoil: true }],
    ['without a position', { claims: { position: 0 } }],
    ['with a chain that is no hash', { claims: { chain: 'short' } }],
    ['with a time that is no number', { claims: { time: '1' } }],
    ['without a longest lifetime', { claims: { maxTtl: undefined } }],
    ['without keys', { claims: { keys: undefined } }],
    ['with a key that is retired', { claims: { keys: [{ id: 'k', state: 'retired' }] } }],
    ['with a key that is no key', { claims: { keys: [null] } }],
  ] as const

  it.for(cases)('%s', async ([, change]) => {
    const { world, core, answer } = await bench()
    const question = questionIn(core.on({ kind: 'started' }, 0))
    const { nonce } = question
    const genuine = await answer(question)
    const head = await forged(world, genuine.head, change)
    const effects = core.on({ kind: 'answered', nonce, head, feedKeys: genuine.feedKeys }, 0)
    expect(kinds(effects)).toEqual(['alarm', 'wake'])
    expect(core.applied()).toBeUndefined()
  })

  it.for([
    ['an earlier position', { position: 4_294_967_297 }],
    ['another chain at the same position', { chain: 'A'.repeat(43) }],
    ['an earlier time', { time: 1 }],
  ] as const)('that goes back: %s', async ([, claims]) => {
    const { world, core, answer, start } = await bench()
    await start()
    const before = core.applied()
    const question = questionIn(core.on({ kind: 'woken' }, 300 * SECOND))
    const genuine = await answer(question)
    const head = await forged(world, genuine.head, { claims })
    const { nonce } = question
    const effects = core.on({ kind: 'answered', nonce, ...genuine, head }, 300 * SECOND)
    expect(kinds(effects)).toEqual(['alarm', 'wake'])
    expect(core.applied()).toEqual(before)
  })

  it('signed with a key that was not there at the first answer', async () => {
    const { world, core, answer, start } = await bench()
    await start()
    const [feedKey] = (await world.admin.listKeys({ purpose: 'feed' })).items
    await world.admin.revoke({ selector: { keys: [feedKey?.id ?? ''] }, reason: 'compromise' })
    const question = questionIn(core.on({ kind: 'woken' }, 300 * SECOND))
    const { nonce } = question
    const effects = core.on({ kind: 'answered', nonce, ...(await answer(question)) }, 300 * SECOND)
    expect(kinds(effects)).toEqual(['alarm', 'wake'])
  })
})

interface Change {
  readonly header?: object
  readonly claims?: object
  readonly purpose?: 'token'
  readonly spoil?: boolean
}

/** A head with something changed, signed again by the authority's own key. */
async function forged({ deps, store }: TestWorld, head: string, change: Change): Promise<string> {
  const [, payload = ''] = head.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
  const { id, sealed } = await store.read(async (tx) => {
    const purpose = change.purpose ?? 'feed'
    const { items } = await tx.listKeys({ purpose, states: ['active'] }, { limit: 1 })
    const key = items[0]?.id ?? ''
    return { id: key, sealed: (await tx.sealedKey(key)) ?? new Uint8Array() }
  })
  const header = { typ: HEAD_TYPE, alg: 'ES256', kid: id, ...change.header }
  const input = signingInput(header, { ...claims, ...change.claims })
  const signature = deps.signer.sign(id, sealed, new TextEncoder().encode(input))
  if (change.spoil === true) signature[0] = (signature[0] ?? 0) ^ 1
  return `${input}.${encodeBase64url(signature)}`
}
