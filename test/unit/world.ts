import { onTestFinished } from 'vitest'
import { initAuthority } from '#app/authority.ts'
import type { Caller, Deps } from '#app/deps.ts'
import { embeddedTransport } from '#boot/authority.ts'
import { connect, type ConnectOptions } from '#client/connect.ts'
import { type Admin, adminApi } from '#contract/admin-api.ts'
import type { WireCall } from '#contract/transport.ts'
import { defaultPolicy, type Policy } from '#domain/policy/policy.ts'
import { createConditions } from '#federation/conditions.ts'
import type { ForeignIssuers, IdentityTokens } from '#federation/port.ts'
import type { Clock, Entropy } from '#kernel/clock.ts'
import { newId } from '#kernel/identifier.ts'
import { instant, type Instant } from '#kernel/instant.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import { createDispatch, type Dispatch } from '#server/dispatch.ts'
import { createOperations } from '#server/operations.ts'
import { recordScopeRefusal } from '#server/scope-refusal.ts'
import { createNodeSigner } from '#signer/node-signer.ts'
import type { Store } from '#store/port.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'

export const ISSUER = 'http://127.0.0.1:7420'
/** 2026-11-23T19:08:00.000Z, when every world begins. */
export const BEGINNING = instant(Date.UTC(2026, 10, 23, 19, 8))

/** A clock that stands still until a test moves it. */
export interface TestClock extends Clock {
  set(at: Instant): void
  advance(milliseconds: number): void
}

export function testClock(start: Instant = BEGINNING): TestClock {
  let now = start
  return {
    now: () => now,
    set: (at) => {
      now = at
    },
    advance: (milliseconds) => {
      now = instant(now + milliseconds)
    },
    sleep: async (milliseconds) => {
      now = instant(now + milliseconds)
    },
  }
}

/** Chance that repeats: one seed, one sequence (mulberry32). */
export function seededEntropy(seed = 1): Entropy {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 24
  }
  return { bytes: (length) => Uint8Array.from({ length }, next) }
}

/** The administrator of the machine, who may do everything. */
export const LOCAL: Caller = {
  actor: 'local:tester',
  scopes: 'all',
  origin: { transport: 'embedded' },
}

/** Somebody with a token that carries these scopes. */
export const remote = (scopes: readonly string[], credentialId?: string): Caller => ({
  actor: 'client:ops',
  scopes,
  origin: { transport: 'http', ip: '192.0.2.7' },
  ...(credentialId === undefined ? {} : { credentialId }),
})

/** The real authority over SQLite in memory: only clock and chance are the test's. */
export interface TestWorld {
  readonly issuer: string
  readonly clock: TestClock
  readonly deps: Deps
  readonly store: Store
  readonly dispatch: Dispatch
  /** The admin API as the local administrator has it: client, JSON, dispatch, use cases. */
  readonly admin: Admin
  /** The admin API as somebody else has it. */
  readonly as: (caller: Caller, options?: ConnectOptions) => Admin
  /** A direct call, past the client: what dispatch itself answers. */
  readonly call: (
    operation: string,
    input?: Partial<Omit<WireCall, 'operation'>>,
    caller?: Caller,
  ) => ReturnType<Dispatch>
  /** What nobody foresaw; a test that expects none asserts that it is empty. */
  readonly faults: unknown[]
}

export interface WorldOptions {
  readonly seed?: number
  readonly policy?: Policy
  readonly foreignIssuers?: ForeignIssuers
  readonly identityTokens?: IdentityTokens
  /** An SQLite file instead of memory. */
  readonly path?: string
  /** Leaves the database without its authority. */
  readonly bare?: true
}

const nowhere: ForeignIssuers = {
  verify: async (issuer) =>
    refuse('issuer-unreachable', `no key set of issuer ${issuer} can be had`),
}

const nowhereElse: IdentityTokens = {
  verify: async ({ issuer }) =>
    refuse('issuer-unreachable', `no key set of issuer ${issuer} can be had`),
}

/** Makes an authority of its own for one test, and closes it when that test has finished. */
export async function createWorld(options: WorldOptions = {}): Promise<TestWorld> {
  const clock = testClock()
  const entropy = seededEntropy(options.seed)
  const store = openSqliteStore({ path: options.path ?? ':memory:', mode: 'create' })
  onTestFinished(() => store.close())
  const keyEncryptionKey = seededEntropy(7).bytes(32)
  const deps: Deps = {
    store,
    signer: createNodeSigner(() => keyEncryptionKey),
    clock,
    entropy,
    policy: options.policy ?? defaultPolicy,
    foreignIssuers: options.foreignIssuers ?? nowhere,
    identityTokens: options.identityTokens ?? nowhereElse,
    conditions: async () => createConditions(),
    version: '0.0.0-test',
  }
  const faults: unknown[] = []
  const dispatch = createDispatch(createOperations(deps), {
    onScopeRefused: (call, caller, problem) => recordScopeRefusal(deps, call, caller, problem),
    onFault: (fault) => faults.push(fault),
  })
  const newRequestId = (): string => newId('req', clock.now(), entropy)
  if (options.bare === undefined) {
    await initAuthority(deps, { caller: LOCAL, requestId: newRequestId() }, ISSUER, 'memory')
  }
  const as: TestWorld['as'] = (caller, connecting) =>
    connect(adminApi, embeddedTransport(dispatch, caller), newRequestId, connecting)
  return {
    issuer: ISSUER,
    clock,
    deps,
    store,
    dispatch,
    admin: as(LOCAL),
    as,
    call: (operation, input = {}, caller = LOCAL) =>
      dispatch(
        { operation, params: {}, query: {}, body: {}, requestId: newRequestId(), ...input },
        caller,
      ),
    faults,
  }
}

/** Runs what must be refused and gives back how; fails where it is not refused. */
export async function refusalOf(work: Promise<unknown>): Promise<Problem> {
  try {
    await work
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown
    throw thrown
  }
  throw new Error('it was not refused')
}
