import { initAuthority } from '#app/authority.ts'
import type { Caller, Deps } from '#app/deps.ts'
import type { WireAnswer, WireCall } from '#contract/transport.ts'
import { defaultPolicy, type Policy } from '#domain/policy/policy.ts'
import type { Clock } from '#kernel/clock.ts'
import { newId } from '#kernel/identifier.ts'
import { instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { createDispatch } from '#server/dispatch.ts'
import { createOperations } from '#server/operations.ts'
import { recordScopeRefusal } from '#server/scope-refusal.ts'
import { createNodeSigner } from '#signer/node-signer.ts'
import type { Store } from '#store/port.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { entropyOf } from './chance.ts'
import { createFeedStreams, type FeedStreams } from './feed-streams.ts'
import type { NodeClocks } from './clocks.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { PlantedBug } from './planted-bug.ts'

export const ISSUER = 'https://authority.sim'

/** The real authority: every line of it but clock and chance is what `credctl serve` runs. */
export interface SimAuthority {
  readonly deps: Deps
  readonly serve: (call: WireCall) => Promise<WireAnswer>
  readonly streams: FeedStreams
  /** What time it is in the authority, which is what every decision is judged by. */
  timeMicros(): number
  close(): Promise<void>
}

const SIMULATOR: Caller = {
  actor: 'local:simulator',
  scopes: 'all',
  origin: { transport: 'embedded' },
}

export interface SimAuthorityOptions {
  readonly seed: number
  readonly ttlSeconds: number
  readonly bug?: PlantedBug | undefined
}

export async function createSimAuthority(
  clock: VirtualClock,
  clocks: NodeClocks,
  { seed, ttlSeconds, bug = {} }: SimAuthorityOptions,
): Promise<SimAuthority> {
  let rowMicros = 0
  const opened = openSqliteStore({ path: ':memory:', mode: 'create' })
  const store = watching(bug.store?.(opened) ?? opened, (timeMicros) => {
    rowMicros = Math.max(rowMicros, timeMicros)
  })
  const keyEncryptionKey = entropyOf(seed, 'key-encryption-key').bytes(32)
  const gathering = new Set<Promise<WireAnswer>>()
  const deps: Deps = {
    store,
    signer: createNodeSigner(() => keyEncryptionKey),
    clock: authorityClock(clock, clocks, gathering),
    entropy: entropyOf(seed, 'authority'),
    policy: policyOf(ttlSeconds),
    foreignIssuers: {
      verify: async (issuer) => refuse('issuer-unreachable', `there is no ${issuer} in here`),
    },
    identityTokens: {
      verify: async ({ issuer }) => refuse('issuer-unreachable', `there is no ${issuer} in here`),
    },
    conditions: async () => refuse('internal', 'nobody in here writes conditions'),
    version: 'simulated',
  }
  const dispatch = createDispatch(createOperations(deps), {
    onScopeRefused: (call, caller, problem) => recordScopeRefusal(deps, call, caller, problem),
    onFault: (fault) => {
      throw fault
    },
  })
  const requestId = newId('req', deps.clock.now(), deps.entropy)
  await initAuthority(deps, { caller: SIMULATOR, requestId }, ISSUER, 'memory')
  const serve = (call: WireCall): Promise<WireAnswer> =>
    dispatch(bug.call?.(call) ?? call, SIMULATOR)
  return {
    deps,
    serve: (call) =>
      call.operation === 'acknowledgeFeed' ? gathered(clock, gathering, serve(call)) : serve(call),
    streams: createFeedStreams(deps, SIMULATOR, clock),
    timeMicros: () => Math.max(rowMicros, clocks.wallMicros(clock.nowMicros())),
    close: () => store.close(),
  }
}

/**
 * What the authority itself sleeps for is the gathering of acknowledgements, which nobody launched: so
 * whoever waits for one of them is at rest until the sleep is over, and awake from then on.
 */
const authorityClock = (
  clock: VirtualClock,
  clocks: NodeClocks,
  gathering: ReadonlySet<Promise<WireAnswer>>,
): Clock => ({
  now: () => instant(Math.floor(clocks.wallMicros(clock.nowMicros()) / 1000)),
  sleep: (durationMs) =>
    new Promise((resolve) => {
      clock.at(clock.nowMicros() + durationMs * 1000, () =>
        clock.launch(async () => {
          resolve()
          await Promise.allSettled(gathering)
        }),
      )
    }),
})

const gathered = (
  clock: VirtualClock,
  gathering: Set<Promise<WireAnswer>>,
  answer: Promise<WireAnswer>,
): Promise<WireAnswer> =>
  clock.wait((resume) => {
    gathering.add(answer)
    void answer.then((value) => {
      gathering.delete(answer)
      resume(value)
    })
  })

/** Tells the feed's time after every commit: authority time is the later of it and the clock. */
const watching = (store: Store, tell: (timeMicros: number) => void): Store => ({
  ...store,
  async write(work) {
    const { result, timeMicros } = await store.write(async (tx) => ({
      result: await work(tx),
      timeMicros: (await tx.feed()).timeMicros,
    }))
    tell(timeMicros)
    return result
  },
})

const TTL_SECONDS_MAX = 3600

/** The default policy, but for a lifetime that the scenario may ask for. */
function policyOf(ttlSeconds: number): Policy {
  const ttlSecondsMax = Math.max(TTL_SECONDS_MAX, ttlSeconds)
  const { defaults, tiers } = defaultPolicy
  return {
    ...defaultPolicy,
    defaults: { ...defaults, ttlSecondsMax },
    tiers: { ...tiers, standard: { ...tiers.standard, ttlSecondsMax } },
  }
}
