import { refuseClockBehind, toInstant } from '#domain/feed/authority-time.ts'
import type { FeedState } from '#domain/feed/entry.ts'
import { thumbprint } from '#domain/client/thumbprint.ts'
import type { Key } from '#domain/keys/key.ts'
import { decideRotation } from '#domain/keys/lifecycle.ts'
import { maxTtlSeconds, stalenessLimits } from '#domain/policy/policy.ts'
import type { Incarnation } from '#domain/proof/proof.ts'
import { instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Acknowledgement, SyncQuestion } from '#verifier/protocol.ts'
import type { Transaction } from './database.ts'
import { largestExpiryOf, putKey } from './revoking.ts'
import { ISSUER, type Site } from './site.ts'
import type { Statements } from './transactions.ts'

const SECOND = 1_000_000
/** For so long, and in steps of this, any node may go on to give an incarnation heads. */
const HEADS_MICROS = 6 * SECOND
/** Extended when less than this is left. */
const HEADS_LEFT_MICROS = 3 * SECOND

/** Whoever is to be given a head is on record in its transaction, for as long as it is told some. */
export function record(
  { rules }: Site,
  tx: Transaction,
  listeners: readonly string[],
  { timeMicros }: FeedState,
): void {
  if (!rules.recordsHeads) return
  for (const id of listeners) {
    const known = tx.find('incarnations', id)
    if (known === undefined || timeMicros + HEADS_LEFT_MICROS < known.headsUntilMicros) continue
    extend(tx, id, timeMicros)
  }
}

function extend(tx: Transaction, id: string, timeMicros: number): void {
  tx.update('incarnations', id, (row) =>
    row === undefined
      ? undefined
      : {
          ...row,
          headsUntilMicros: Math.max(row.headsUntilMicros, timeMicros + HEADS_MICROS),
          lastSeenAt: toInstant(timeMicros),
        },
  )
}

/** A head's place and time: the committed UPDATE of the feed's row, never a read. */
export function* place(site: Site, tx: Transaction): Statements<FeedState> {
  if (site.rules.headBy === 'read') {
    site.refuseStepped()
    const state = tx.feed()
    const timeMicros = Math.max(state.timeMicros + 1, site.clockMicros())
    yield 'next'
    return { ...state, timeMicros }
  }
  yield 'feed-row'
  site.refuseStepped()
  refuseClockBehind(tx.feed(), site.clockMicros())
  const state = tx.tick(site.clockMicros())
  yield 'next'
  return state
}

/** A verifier's question: its incarnation goes on record, and then it is given a head. */
export function introduce(
  site: Site,
  tx: Transaction,
  question: SyncQuestion,
  state: FeedState,
): void {
  tx.update('incarnations', question.incarnation, (row) => introduced(site, question, state, row))
}

function introduced(
  { policy }: Site,
  { incarnation, name, audiences, mode }: SyncQuestion,
  { position, timeMicros }: FeedState,
  known: Incarnation | undefined,
): Incarnation {
  const at = toInstant(timeMicros)
  const limitSeconds = Math.max(stalenessLimits(policy)[mode], known?.limitSeconds ?? 0)
  return {
    firstPosition: position,
    firstSeenAt: at,
    ...known,
    id: incarnation,
    verifierId: 'local',
    name,
    audiences,
    mode,
    limitSeconds,
    headsUntilMicros: Math.max(timeMicros + HEADS_MICROS, known?.headsUntilMicros ?? 0),
    lastSeenAt: at,
  }
}

/** Acknowledgements that came together, each checked before; one of a lower position changes nothing. */
export function* acknowledge(
  site: Site,
  tx: Transaction,
  acknowledgements: readonly Acknowledgement[],
): Statements<void> {
  const { timeMicros } = tx.feed()
  const atMicros = Math.max(timeMicros, site.clockMicros())
  for (const { incarnation, position, chain, digest, time, released } of acknowledgements) {
    const acknowledged = { position, chain, digest, headMicros: time, atMicros }
    tx.update('incarnations', incarnation, (row) => {
      if (row === undefined) return undefined
      const isNewer = (row.acknowledged?.position ?? 0) <= position
      return {
        ...row,
        ...(isNewer ? { acknowledged } : {}),
        ...(released === true ? { releasedMicros: atMicros } : {}),
      }
    })
    const known = tx.find('incarnations', incarnation)
    if (known !== undefined && site.rules.acknowledgedBy === 'name')
      acknowledgeNamesakes(tx, { ...known, acknowledged })
  }
  yield 'next'
}

/** A mistake: whoever has the same name is taken for the same. */
function acknowledgeNamesakes(tx: Transaction, { name, acknowledged }: Incarnation): void {
  if (acknowledged === undefined) return
  for (const other of tx.all('incarnations')) {
    if (other.name === name) tx.put('incarnations', other.id, { ...other, acknowledged })
  }
}

/** Another key signs tokens, or heads, from now on. */
export function* rotate(site: Site, tx: Transaction, purpose: 'token' | 'feed'): Statements<void> {
  yield 'feed-row'
  const now = toInstant(Math.max(tx.feed().timeMicros, site.clockMicros()))
  const active = activeKey(tx, purpose)
  const next = site.signatures.newKey(purpose, now, 'prepared')
  const rotation = decideRotation(active, next, {
    now,
    largestExpiry: largestExpiryOf(tx, active.id),
    leewaySeconds: site.policy.defaults.leewaySeconds,
    maxTtlSeconds: maxTtlSeconds(site.policy),
  })
  yield 'next'
  const endorsement = purpose === 'feed' ? endorse(site, active, next) : undefined
  if (rotation.previous !== undefined) putKey(site, tx, soonRetired(site, rotation.previous, now))
  putKey(site, tx, rotation.key, endorsement)
}

/** What a planted bug makes of it; in sound rules the domain's word stands. */
function soonRetired({ rules }: Site, previous: Key, now: number): Key {
  const { retireAfterSeconds } = rules
  if (retireAfterSeconds === undefined) return previous
  return { ...previous, retireAfter: instant(now + retireAfterSeconds * 1000) }
}

export const FEED_KEY_TYPE = 'feed-key+jwt'

/** The word of the key that signed heads before, for the one that follows it. */
export const endorse = ({ signatures }: Site, by: Key, next: Key): string =>
  signatures.sign(by, FEED_KEY_TYPE, {
    iss: ISSUER,
    kid: next.id,
    jkt: thumbprint(next.publicJwk) ?? '',
  })

/** The key that signs what is of this purpose; a transaction sees its own changes. */
export const activeKey = (tx: Transaction, purpose: Key['purpose']): Key =>
  active(tx.all('keys'), purpose)

/** The same, as it is committed. */
export const committedKey = (keys: ReadonlyMap<string, Key>, purpose: Key['purpose']): Key =>
  active(keys.values(), purpose)

function active(keys: Iterable<Key>, purpose: Key['purpose']): Key {
  for (const key of keys) if (key.purpose === purpose && key.state === 'active') return key
  return refuse('key-unknown', `there is no active key of purpose ${purpose}`)
}
