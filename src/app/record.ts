import type { AuditEntry } from '#domain/audit/entry.ts'
import { newId } from '#kernel/identifier.ts'
import type { Instant } from '#kernel/instant.ts'
import { Problem, rowOf } from '#kernel/problem.ts'
import type { Writing } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { type Memory, plainMemory, recall, remember } from './idempotency.ts'

/** What is about to be done, as the audit log names it. */
export interface Deed {
  /** `client.create`, `credential.issue`: noun and verb. */
  readonly action: string
  /** `client:deploy-bot`; `*` where it is not known before the work is done. */
  readonly target: string
}

export interface Done<T> {
  readonly result: T
  /** Where only the work could tell. */
  readonly target?: string
  readonly justification?: string | undefined
  readonly detail?: Readonly<Record<string, unknown>>
}

/**
 * Load, decide, record: the shape of every mutation. The audit entry is part of the transaction,
 * so that nothing is done which is not on record; a refusal rolls the work back and is recorded by
 * itself. What failed and may be tried again was not refused and leaves no entry. A request that was
 * done before under its idempotency key is answered again and not done again.
 */
export function record<T>(
  deps: Deps,
  context: Context,
  deed: Deed,
  work: (tx: Writing) => Promise<Done<T>>,
  memory: Memory<T> = plainMemory(),
): Promise<T> {
  return recorded(deps, context, deed, () => inTransaction(deps, context, deed, { work, memory }))
}

/** The two halves of a mutation that has much to look at before it writes little. */
export interface PreparedWork<P, T> {
  /** Done beside the transaction, so that no writer waits for it; what it refuses is on record too. */
  readonly prepare: () => Promise<P>
  readonly work: (tx: Writing, prepared: P) => Promise<Done<T>>
  readonly memory?: Memory<T>
}

/** As `record`. What was done before is recalled first: it need not be prepared, nor could it be again. */
export function recordPrepared<P, T>(
  deps: Deps,
  context: Context,
  deed: Deed,
  { prepare, work, memory = plainMemory() }: PreparedWork<P, T>,
): Promise<T> {
  return recorded(deps, context, deed, async () => {
    const earlier = await deps.store.read((tx) => recall(tx, context, memory))
    if (earlier !== undefined) return earlier.result
    const prepared = await prepare()
    return inTransaction(deps, context, deed, { work: (tx) => work(tx, prepared), memory })
  })
}

function inTransaction<T>(
  deps: Deps,
  context: Context,
  deed: Deed,
  { work, memory }: { work: (tx: Writing) => Promise<Done<T>>; memory: Memory<T> },
): Promise<T> {
  return deps.store.write(async (tx) => {
    const earlier = await recall(tx, context, memory)
    if (earlier !== undefined) return earlier.result
    const done = await work(tx)
    await tx.appendAudit(auditEntry(deps, context, deed, 'ok', done))
    await remember(tx, context, memory, { result: done.result, at: deps.clock.now() })
    return done.result
  })
}

async function recorded<T>(
  deps: Deps,
  context: Context,
  deed: Deed,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt()
  } catch (thrown) {
    if (thrown instanceof Problem && isRefusal(thrown))
      await recordRefusal(deps, context, deed, thrown)
    throw thrown
  }
}

/** Records that something was refused before it could touch anything. */
export async function recordRefusal(
  deps: Deps,
  context: Context,
  deed: Deed,
  problem: Problem,
): Promise<void> {
  const entry = auditEntry(deps, context, deed, problem.code, {
    detail: { refusal: problem.message, ...shortened(problem.facts) },
  })
  await deps.store.write((tx) => tx.appendAudit(entry))
}

const LISTED_MAX = 20

/** A refusal may list ten thousand values; kept whole, each try would leave a megabyte for ever. */
function shortened(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const short: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(facts)) {
    const isLong = Array.isArray(value) && LISTED_MAX < value.length
    short[name] = isLong ? value.slice(0, LISTED_MAX) : value
    if (isLong) short[`${name}Total`] = value.length
  }
  return short
}

const isRefusal = ({ code }: Problem): boolean => {
  const { status } = rowOf(code)
  return 400 <= status && status < 500
}

/** What the authority does by itself, such as ending a block whose time has come. */
export const authorityContext = (requestId: string): Context => ({
  caller: { actor: 'authority', scopes: [], origin: { transport: 'authority' } },
  requestId,
})

export function auditEntry(
  { clock, entropy, policy }: Deps,
  { caller, requestId }: Context,
  deed: Deed,
  outcome: string,
  done: Partial<Done<unknown>> = {},
): AuditEntry {
  const at: Instant = clock.now()
  return {
    id: newId('aud', at, entropy),
    at,
    actor: caller.actor,
    action: deed.action,
    target: done.target ?? deed.target,
    outcome,
    requestId,
    origin: caller.origin,
    ...(done.justification === undefined ? {} : { justification: done.justification }),
    policyVersion: policy.version,
    detail: done.detail ?? {},
  }
}
