import type { Entropy } from '#kernel/clock.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { refuse } from '#kernel/problem.ts'
import type { DecisionRequest, VerifierConfig, VerifierCore } from '#verifier/config.ts'
import { createVerifierCore } from '#verifier/core.ts'
import { soundRules } from '#verifier/rules.ts'
import { type Authority, createAuthority, patience } from './authority.ts'
import { type ClockSources, createLocalClock } from './clock.ts'
import { published, remembering, tokenOf } from './decision.ts'
import { createEngine, type Engine, type Kept } from './engine.ts'
import { guardOf, middlewareOf } from './guards.ts'
import { createHttpClient } from './http.ts'
import { createKeeper, type Keeper, keepingPausesMs, readKept } from './kept-file.ts'
import { type Settled, settle, settleWanted } from './options.ts'
import { nodeSignatures } from './signature.ts'
import { settleResource } from './resource.ts'
import type {
  AbortSignalLike,
  Alarm,
  Decision,
  Refused,
  Verifier,
  VerifierOptions,
  VerifierStatus,
  VerifyOptions,
  Watch,
} from './types.ts'
import { createWatches, type Watches } from './watches.ts'

/** What of the machine a verifier uses beside network and timers; tests have others. */
export interface Surroundings {
  readonly clock: ClockSources
  readonly entropy: Entropy
  readonly version: string
  /** How long a start waits for its first lease. */
  readonly startMsMax: number
  /** How long a decision that cannot be taken waits for the authority. */
  readonly waitMsMax: number
}

const INCARNATION_BYTES = 16
const SECOND = 1_000_000

/** Refusal: `usage-invalid`. Rejects with the reason of a signal that is aborted before the first lease. */
export async function startVerifier(
  options: VerifierOptions,
  surroundings: Surroundings,
): Promise<Verifier> {
  const settled = settle(options)
  const { signal } = options
  throwIfAborted(signal)
  const alarm = alarming(options.onAlarm ?? warn, surroundings.clock.steadyMs)
  const parts = assemble(settled, surroundings, alarm)
  parts.engine.start(await keptState(settled, alarm))
  const { verifier, closed } = facade(parts, surroundings)
  const abort = (): void => void verifier.close()
  signal?.addEventListener('abort', abort)
  // It may have been aborted while the file was read.
  if (signal?.aborted === true) abort()
  void closed.then(() => signal?.removeEventListener('abort', abort))
  await until(
    parts.engine,
    surroundings.startMsMax,
    () => parts.engine.isClosed || parts.staleness() === undefined,
  )
  throwIfAborted(signal)
  return verifier
}

function throwIfAborted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted === true) throw signal.reason
}

/** Who is refused asks again and again; so long the same is not said again. */
const AGAIN_MS = 60_000
const SAID_MAX = 100

/**
 * Lets a listener throw without harm to what called it: as an exception that nobody caught. What stays
 * wrong is said once a minute, and not with every try.
 */
function alarming(
  onAlarm: (alarm: Alarm) => void,
  steadyMs: () => number,
): (detail: string) => void {
  const said = new Map<string, number>()
  return (detail) => {
    const now = steadyMs()
    const last = said.get(detail)
    if (last !== undefined && now < last + AGAIN_MS) return
    if (SAID_MAX <= said.size) said.clear()
    said.set(detail, now)
    queueMicrotask(() => onAlarm({ detail }))
  }
}

const warn = ({ detail }: Alarm): void =>
  process.emitWarning(detail, { type: 'CredctlAlarm', code: 'CREDCTL_ALARM' })

async function keptState(
  { snapshotFile, issuer }: Settled,
  alarm: (detail: string) => void,
): Promise<Kept | undefined> {
  if (snapshotFile === undefined) return undefined
  const kept = await readKept(snapshotFile, issuer)
  if (typeof kept !== 'string') return kept
  alarm(`the snapshot file ${snapshotFile} is passed over: ${kept}`)
  return undefined
}

interface Parts {
  readonly settled: Settled
  readonly incarnation: string
  readonly core: VerifierCore
  readonly authority: Authority
  readonly engine: Engine
  readonly watches: Watches
  readonly keeper: Keeper | undefined
  readonly staleness: () => ReturnType<VerifierCore['staleness']>
}

function assemble(
  settled: Settled,
  { clock, entropy, version }: Surroundings,
  alarm: (detail: string) => void,
): Parts {
  const { issuer, urls, snapshotFile: path } = settled
  const incarnation = encodeBase64url(entropy.bytes(INCARNATION_BYTES))
  const config = configOf(settled, incarnation)
  const verifySignature = nodeSignatures()
  const core = createVerifierCore(config, { entropy, verifySignature, rules: soundRules })
  const client = createHttpClient({ ...settled, userAgent: `credctl-verifier/${version}` })
  const authority = createAuthority(client, { urls, incarnation, msMax: patience })
  const engine = createEngine({
    core,
    authority,
    clock: createLocalClock(clock),
    entropy,
    hooks: {
      applied(position) {
        watches.applied(position)
        keeper?.applied(position)
      },
      alarm,
    },
  })
  const watches = createWatches({
    decide: (request) => engine.decide(request),
    nowMicros: () => engine.nowMicros(),
    upperMicros: (nowMicros) => core.interval(nowMicros)?.upperMicros,
    leewayMicros: config.leewayMicros,
  })
  const keeper =
    path === undefined
      ? undefined
      : createKeeper({
          path,
          issuer,
          authority,
          feedKeys: () => core.feedKeys(),
          entropy,
          alarm,
          pausesMs: keepingPausesMs,
        })
  return {
    settled,
    incarnation,
    core,
    authority,
    engine,
    watches,
    keeper,
    staleness: () => core.staleness(engine.nowMicros()),
  }
}

export function configOf(settled: Settled, incarnation: string): VerifierConfig {
  const { issuer, audiences, name, mode, leewaySeconds } = settled
  const { feedKeys, stalenessSeconds, signatureCacheSize } = settled
  return {
    issuer,
    audiences,
    name,
    mode,
    incarnation,
    leewayMicros: leewaySeconds * SECOND,
    ...(feedKeys === undefined ? {} : { feedKeys }),
    ...(stalenessSeconds === undefined ? {} : { stalenessSeconds }),
    ...(signatureCacheSize === undefined ? {} : { signaturesKeptMax: signatureCacheSize }),
  }
}

function facade(
  parts: Parts,
  { waitMsMax }: Surroundings,
): { readonly verifier: Verifier; readonly closed: Promise<void> } {
  const { engine, watches, keeper } = parts
  const { promise: closed, resolve: hasClosed } = Promise.withResolvers<void>()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= engine.close().finally(hasClosed)
    watches.close()
    keeper?.close()
    return closing
  }
  const verify = verifying(engine, waitMsMax)
  const verifier: Verifier = {
    verify,
    onRevoked: (accepted, listener, { keepWhileStale = false } = {}) => {
      if (typeof listener !== 'function') refuseListener()
      const token =
        typeof accepted === 'string' ? accepted : (tokenOf(accepted) ?? refuseUnknownDecision())
      const told = (decision: object): void => listener(decision as Refused)
      return watchOf(watches.add(token, told, { keepWhileStale }))
    },
    middleware: (options = {}) => {
      settleWanted(options)
      settleResource(options.resource, parts.settled.audiences)
      return middlewareOf(verify, options)
    },
    guard: async (request, options = {}) => {
      settleResource(options.resource, parts.settled.audiences)
      return guardOf(verify, request, options)
    },
    status: () => statusOf(parts),
    close,
    [Symbol.asyncDispose]: close,
  }
  return { verifier, closed }
}

const refuseListener = (): never =>
  refuse('usage-invalid', 'onRevoked is handed a function, which is called when it is over', {
    next: 'for example () => socket.close()',
  })

const refuseUnknownDecision = (): never =>
  refuse('usage-invalid', 'that is no accepted decision of this SDK, nor a token', {
    next: 'hand on the decision itself, not a copy of it, or the token',
  })

const watchOf = (end: () => void): Watch => {
  const watch = (): void => end()
  return Object.assign(watch, { [Symbol.dispose]: end })
}

/**
 * Decides at once where that can be; else it waits a little for what the authority says, which is
 * shared by all who wait. The last step is one: the clock is read and the token judged, with nothing
 * in between.
 */
const verifying =
  (engine: Engine, waitMsMax: number) =>
  async (token: string, options: VerifyOptions = {}): Promise<Decision> => {
    settleWanted(options)
    if (typeof token !== 'string') return { verdict: 'invalid', detail: 'it is no text' }
    const { scopes = [], maxAgeSeconds, acr } = options
    const request: DecisionRequest = {
      token,
      arrivedMicros: engine.nowMicros(),
      scopes,
      ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
      ...(acr === undefined ? {} : { acr }),
    }
    let decision = engine.decide(request)
    if (decision.verdict === 'stale') {
      await until(engine, waitMsMax, () => {
        decision = engine.decide(request)
        return decision.verdict !== 'stale' || !mayChange(engine, decision.cause)
      })
      decision = engine.decide(request)
    }
    return decision.verdict === 'accepted' ? remembering(decision, token) : published(decision)
  }

/**
 * What is merely not known here yet may come with any head. For all else it takes an answer; where
 * none is under way, whoever asks is told at once.
 */
const mayChange = (engine: Engine, cause: string | undefined): boolean =>
  !engine.isClosed && (cause === 'behind' || engine.isAsking)

/** Waits until something holds, looking whenever there is news; but no longer than `msMax`. */
async function until(engine: Engine, msMax: number, holds: () => boolean): Promise<void> {
  if (holds()) return
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (!holds()) {
        forget = engine.onNews(look)
        return
      }
      clearTimeout(timer)
      resolve()
    }
    // Not unref'd: somebody waits for this.
    const timer = setTimeout(() => {
      forget()
      resolve()
    }, msMax)
    let forget = engine.onNews(look)
  })
}

function statusOf({
  settled,
  incarnation,
  core,
  authority,
  engine,
  staleness,
}: Parts): VerifierStatus {
  const nowMicros = engine.nowMicros()
  const head = core.applied()
  const upper = core.interval(nowMicros)?.upperMicros
  const cause = staleness()
  const failure = engine.failure
  return {
    state: engine.isClosed ? 'closed' : cause === undefined ? 'fresh' : 'stale',
    ...(cause === undefined || engine.isClosed ? {} : { cause }),
    ...(head === undefined ? {} : { position: head.position }),
    ...(head === undefined || upper === undefined
      ? {}
      : { headAgeSeconds: Math.max(0, upper - head.time) / SECOND }),
    incarnation,
    name: settled.name,
    url: authority.url,
    ...(failure === undefined ? {} : { failure }),
  }
}
