/* oxlint-disable import/no-dynamic-require -- what is built may not be there when types are checked */
/**
 * A resource server that does nothing but decide: by the built package, by the core alone, and by the
 * bare signature check, all on the same tokens in turn.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { uptime } from 'node:os'
import { parseArgs } from 'node:util'
import { createAuthority, patience } from '#boot/verifier/authority.ts'
import { createLocalClock } from '#boot/verifier/clock.ts'
import { createEngine } from '#boot/verifier/engine.ts'
import { createHttpClient } from '#boot/verifier/http.ts'
import { settle } from '#boot/verifier/options.ts'
import { configOf } from '#boot/verifier/shell.ts'
import { nodeSignatures } from '#boot/verifier/signature.ts'
import { systemEntropy } from '#boot/system.ts'
import { createVerifierCore } from '#verifier/core.ts'
import { soundRules } from '#verifier/rules.ts'

export interface DecidingOrder {
  readonly tokens: readonly string[]
  readonly jwk: Readonly<Record<string, string>>
  readonly warming: number
  readonly rounds: number
  readonly perRound: number
  readonly repeats: number
  readonly scopes: readonly string[]
}

/** Decisions a second of one core, a sample a round. */
export interface DecidingFigures {
  readonly bare: readonly number[]
  readonly firstSdk: readonly number[]
  readonly firstCore: readonly number[]
  readonly oneSdk: readonly number[]
  readonly oneCore: readonly number[]
  readonly manySdk: readonly number[]
  readonly manyCore: readonly number[]
}

export interface MemoryFigures {
  readonly heapBytes: number
  readonly residentBytes: number
}

interface Sdk {
  readonly createVerifier: (options: object) => Promise<{
    verify(token: string, options: object): Promise<{ verdict: string }>
    status(): { readonly position?: number }
  }>
}

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    issuer: { type: 'string', default: '' },
    audience: { type: 'string', default: '' },
  },
})
const { url, issuer, audience } = values
const options = { url, issuer, audience, name: 'bench' }
const { createVerifier } = (await import(
  new URL('../../../dist/verifier.js', import.meta.url).href
)) as Sdk
const sdk = await createVerifier(options)

process.on('message', (message: { measure?: DecidingOrder; position?: number }) => {
  if (message.measure !== undefined) void measure(message.measure)
  if (message.position !== undefined) void weigh(message.position)
})
process.send?.({ kind: 'ready' })

/** What the process holds once the feed is applied up to a position, after its garbage is gone. */
async function weigh(position: number): Promise<void> {
  while ((sdk.status().position ?? 0) < position) await pause(20)
  for (let i = 0; i < 4; i++) {
    await pause(50)
    globalThis.gc?.()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  const figures: MemoryFigures = { heapBytes: heapUsed + external, residentBytes: rss }
  process.send?.({ kind: 'weighed', ...figures })
}

async function measure(order: DecidingOrder): Promise<void> {
  const { tokens, jwk, warming, rounds, perRound, repeats, scopes } = order
  const works = {
    bare: bareCheck(createPublicKey({ key: { ...jwk }, format: 'jwk' })),
    sdk: async (some: Iterable<string>) => {
      for (const token of some) {
        expectAccepted(await sdk.verify(token, { scopes: [...scopes] }))
      }
    },
    core: await coreAlone(scopes),
  }
  const samples: Record<keyof DecidingFigures, number[]> = {
    bare: [],
    firstSdk: [],
    firstCore: [],
    oneSdk: [],
    oneCore: [],
    manySdk: [],
    manyCore: [],
  }
  for (let round = 0; round < warming + rounds; round++) {
    const fresh = tokens.slice(round * perRound, (round + 1) * perRound)
    const one = Array.from({ length: repeats }, () => fresh[0] ?? '')
    const many = Array.from({ length: repeats }, (_, i) => fresh[(i * 7) % perRound] ?? '')
    const runs: [keyof DecidingFigures, keyof typeof works, readonly string[]][] = [
      ['bare', 'bare', fresh],
      ['firstSdk', 'sdk', fresh],
      ['firstCore', 'core', fresh],
      ['oneSdk', 'sdk', one],
      ['oneCore', 'core', one],
      ['manySdk', 'sdk', many],
      ['manyCore', 'core', many],
    ]
    // Neither of two that are compared always comes first.
    if (round % 2 === 1) runs.splice(0, 3, ...runs.slice(0, 3).toReversed())
    for (const [figure, work, some] of runs) {
      // Of the processor and not of the clock: what else the machine does is not part of a decision.
      const begun = process.cpuUsage()
      await works[work](some)
      const { user, system } = process.cpuUsage(begun)
      if (warming <= round) samples[figure].push((some.length * 1_000_000) / (user + system))
      // The feed is followed meanwhile.
      await pause(0)
    }
  }
  process.send?.({ kind: 'measured', ...samples })
}

/** What whoever has a token and a key would write, if nothing else were to be checked. */
function bareCheck(key: KeyObject): (some: Iterable<string>) => void {
  return (some) => {
    for (const token of some) {
      const at = token.lastIndexOf('.')
      const signature = Buffer.from(token.slice(at + 1), 'base64url')
      const signed = Buffer.from(token.slice(0, at))
      if (!verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)) {
        throw new Error('a signature was not good')
      }
    }
  }
}

/** The deciding part without its shell, following the same authority. */
async function coreAlone(scopes: readonly string[]): Promise<(some: Iterable<string>) => void> {
  const settled = settle(options)
  const incarnation = 'bench-core'.padEnd(22, '0')
  const core = createVerifierCore(configOf(settled, incarnation), {
    entropy: systemEntropy,
    verifySignature: nodeSignatures(),
    rules: soundRules,
  })
  const client = createHttpClient({ ...settled, userAgent: 'credctl-bench' })
  const engine = createEngine({
    core,
    authority: createAuthority(client, { urls: settled.urls, incarnation, msMax: patience }),
    clock: createLocalClock({
      steadyMs: () => performance.now(),
      wallMs: () => Date.now(),
      uptimeSeconds: () => uptime(),
    }),
    entropy: systemEntropy,
    hooks: { applied: () => undefined, alarm: () => undefined },
  })
  engine.start()
  while (core.staleness(engine.nowMicros()) !== undefined) await pause(5)
  return (some) => {
    const aheadMs = engine.nowMicros() / 1000 - performance.now()
    for (const token of some) {
      const nowMicros = Math.floor((performance.now() + aheadMs) * 1000)
      expectAccepted(core.decide({ token, arrivedMicros: nowMicros, scopes }, nowMicros).decision)
    }
  }
}

function expectAccepted({ verdict }: { readonly verdict: string }): void {
  if (verdict !== 'accepted') throw new Error(`a good token was ${verdict}`)
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
