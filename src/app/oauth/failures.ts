import type { Origin } from '#domain/audit/entry.ts'
import { instant, type Instant } from '#kernel/instant.ts'
import type { Problem } from '#kernel/problem.ts'
import { auditEntry } from '#app/record.ts'
import type { Deps } from '#app/deps.ts'

/** What is counted together is told again at most this often. */
const WINDOW_MS = 60_000
/** More than these at a time, by address and client, and the rest is told in one line. */
const TALLIES_MAX = 256

/** One request that was turned away before anybody knew whose it was. */
export interface Failure {
  readonly problem: Problem
  /** As the caller calls itself, which may be anything. */
  readonly clientId: string | undefined
  readonly origin: Origin
  readonly requestId: string
}

interface Tally extends Failure {
  readonly target: string
  readonly since: Instant
  count: number
}

/** Keeps failed authentications on record without letting whoever fails write as much as he likes. */
export interface Failures {
  /** The first of its kind is recorded at once, those like it are counted. */
  note(failure: Failure): Promise<void>
  /** Records what was counted and is over; all of it where the authority stops. */
  settle(isLast?: boolean): Promise<void>
}

export function createFailures(deps: Deps): Failures {
  const tallies = new Map<string, Tally>()

  const settle = async (isLast = false): Promise<void> => {
    const before = instant(deps.clock.now() - WINDOW_MS)
    const over = [...tallies].filter(([, { since }]) => isLast || since <= before)
    for (const [key] of over) tallies.delete(key)
    const counted = over.map(([, tally]) => tally).filter(({ count }) => 0 < count)
    if (counted.length === 0) return
    await deps.store.write(async (tx) => {
      for (const tally of counted) await tx.appendAudit(entryOf(deps, tally))
    })
  }

  return {
    async note(failure) {
      await settle()
      const { origin, problem } = failure
      const target = targetOf(failure)
      const name = `${problem.code} ${origin.ip ?? origin.transport} ${target}`
      const key = tallies.has(name) || tallies.size < TALLIES_MAX ? name : problem.code
      const known = tallies.get(key)
      if (known !== undefined) {
        known.count += 1
        return
      }
      const isRest = key !== name
      const first = { ...failure, target: isRest ? '*' : target, since: deps.clock.now(), count: 0 }
      tallies.set(key, first)
      const entry = entryOf(deps, { ...first, count: 1 })
      await deps.store.write((tx) => tx.appendAudit(entry))
    },
    settle,
  }
}

/** What does not look like a name of ours is not copied anywhere. */
function targetOf({ clientId, problem: { facts } }: Failure): string {
  // Named only where its signature had proved good.
  if (typeof facts['credentialId'] === 'string') return `credential:${facts['credentialId']}`
  return clientId !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(clientId)
    ? `client:${clientId}`
    : '*'
}

function entryOf(deps: Deps, { problem, origin, requestId, target, count }: Tally) {
  const caller = { actor: 'anonymous', scopes: [], origin }
  const isOfToken = ['subject-refused', 'trust-unmatched'].includes(problem.code)
  const deed = { action: isOfToken ? 'token.exchange' : 'client.authenticate', target }
  const { because = problem.message } = problem.facts
  return auditEntry(deps, { caller, requestId }, deed, problem.code, {
    detail: { because, failures: count },
  })
}
