import type { SimToken } from './tokens.ts'
import type { CoreVerifier } from './verifier.ts'
import type { CorePlay } from './run.ts'

const SECOND = 1_000_000

/** The faults have long ended: all verifiers agree, and whoever is honest is let in. */
export function checkEnd(play: CorePlay): void {
  const { world, clients } = play
  const { verifiers, database, judge, heap } = world
  const { position } = database.rows.feed
  for (const verifier of verifiers) {
    const head = verifier.core.applied()
    const since = verifier.core.staleness(verifier.localMicros())
    if (head !== undefined && since === undefined && isNear(head.position, position)) continue
    const said = `long after the faults had ended it stands at ${head?.position ?? 'nothing'} and not at ${position} (${since ?? 'fresh'})`
    judge.broken({ invariant: 'L1', said }, verifier)
  }
  const held: SimToken[] = []
  for (const session of clients.sessions) {
    const { token } = session
    if (isAlive(token)) held.push(token)
    // Whoever was refused a moment ago is signing in anew.
    else world.call(heap.nowMicros + 5 * SECOND, () => mustHold(session))
  }
  for (const token of clients.puzzles()) {
    for (const verifier of verifiers) mustBeSolved(verifier, token)
  }
  // What was renewed a moment ago may not be known everywhere; a second later it is.
  world.call(heap.nowMicros + 2 * SECOND, () => {
    for (const token of held) {
      for (const verifier of verifiers) {
        const request = {
          token: token.text,
          arrivedMicros: verifier.localMicros() - SECOND,
          scopes: [],
        }
        const { verdict, detail = '' } = verifier.core.decide(
          request,
          verifier.localMicros(),
        ).decision
        if (
          verdict === 'accepted' ||
          token.concerning.some(({ liftedMicros }) => liftedMicros === undefined)
        )
          continue
        const said = `long after the faults had ended it said ${verdict} of a client's own token (${detail})`
        judge.broken({ invariant: 'L1', said }, verifier, token)
      }
    }
  })

  /** Heads have come since, so what it names is known not to be. */
  function mustBeSolved(verifier: CoreVerifier, token: SimToken): void {
    const arrivedMicros = verifier.localMicros() - 5 * SECOND
    const request = { token: token.text, arrivedMicros, scopes: [] }
    const { decision } = verifier.core.decide(request, verifier.localMicros())
    if (decision.verdict === 'invalid') return
    const said = `long after the faults had ended it said ${decision.verdict} of what names what nobody knows`
    judge.broken({ invariant: 'I4', said }, verifier, token)
  }

  function isAlive(token: SimToken | undefined): token is SimToken {
    return token !== undefined && heap.nowMicros < token.untilMicros
  }

  function mustHold({ token, clientId }: (typeof clients.sessions)[number]): void {
    if (isAlive(token)) return
    const said = `${clientId} has no token long after the faults had ended`
    judge.broken({ invariant: 'L1', said })
  }

  function isNear(applied: number, newest: number): boolean {
    // An entry of this very second may still be under way.
    const { entries, entryMicros } = database.rows
    const missing = entries.findIndex((entry) => applied < entry.position)
    if (newest <= applied || missing < 0) return true
    return heap.nowMicros - 2 * SECOND < (entryMicros[missing] ?? 0)
  }
}

/** What was acknowledged is in the log, and no request is in it twice. */
export function checkLog({ world, operators }: CorePlay): void {
  const { rows } = world.database
  const { judge } = world
  const positions = new Set(rows.entries.map(({ position }) => position))
  for (const [requestId, id] of operators.acknowledged) {
    const row = rows.revocations.get(id)
    if (row !== undefined && positions.has(row.position)) continue
    judge.broken({
      invariant: 'I10',
      said: `request ${requestId} was acknowledged, and ${id} is not on record`,
    })
  }
  const made = new Map<string, number>()
  for (const { asked, isLost } of judge.truths)
    if (!isLost) made.set(asked.requestId, (made.get(asked.requestId) ?? 0) + 1)
  for (const [requestId, count] of made) {
    if (count === 1) continue
    judge.broken({ invariant: 'I10', said: `request ${requestId} made ${count} revocations` })
  }
}
