import type { Credential } from '#domain/credential/credential.ts'
import type { Position } from '#domain/feed/position.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import type { Revocation, Selector } from '#domain/revocation/revocation.ts'
import { revocableOf, ruleOf } from '#domain/revocation/rule.ts'
import { RuleIndex } from '#domain/revocation/rule-index.ts'
import type { RuleVerdict } from '#domain/revocation/verdict.ts'
import { emptyBits, INVALID, setStatus, SUSPENDED, VALID } from '#domain/status-list/bits.ts'
import type { StatusList } from '#domain/status-list/status-list.ts'
import { newId } from '#kernel/identifier.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import type { Reading } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { longestTtlSeconds } from './longest-ttl.ts'
import { beside, type Reader } from './reader.ts'
import { walkCredentials } from './walk-credentials.ts'

/** What one list says; a list in which nothing is revoked has none. */
export interface ListStatuses {
  bytes: Uint8Array
  /** The end of a grace, where there is one: what was let pass until then is revoked from then on. */
  untilSeconds?: number
}

export interface StatusWalkOrder {
  readonly lists: readonly StatusList[]
  /** Of what is in force. */
  readonly positions: readonly Position[]
  /** The instant for which everything is decided. */
  readonly decidedAt: Instant
}

export type StatusWalk = (order: StatusWalkOrder) => Promise<ReadonlyMap<string, ListStatuses>>

/**
 * For so long after its expiry what is revoked stays so: verifiers of others allow for clocks that are
 * minutes off, and to them an expired token whose place is VALID again would be good once more.
 */
export const EXPIRED_KEPT_SECONDS = 300

/** Finds what the lists say. What it keeps of one time for the next are positions, and only for a while. */
export function createStatusWalk(deps: Deps): StatusWalk {
  const seen = new Map<Position, number>()
  return async ({ lists, positions, decidedAt }) => {
    const keptSince = decidedAt - EXPIRED_KEPT_SECONDS * 1000
    for (const position of positions) seen.set(position, decidedAt)
    for (const [position, at] of seen) if (at < keptSince) seen.delete(position)
    const read = beside(deps)
    const { index, selectors } = await rulesAt(read, [...seen.keys()])
    const statuses = new Map<string, ListStatuses>()
    const sizes = new Map<string, number>()
    for (const { id, size, isAbandoned } of lists) {
      sizes.set(id, size)
      if (isAbandoned) statuses.set(id, { bytes: emptyBits(size).fill(ALL_INVALID) })
    }
    const take = (credential: Credential): void => {
      const { list = '', index: place = 0 } = credential.status ?? {}
      const size = sizes.get(list)
      // What was given a place since belongs to the next edition.
      if (size === undefined) return
      const verdict = index.verdict(revocableOf(credential), decidedAt)
      if (verdict.kind === 'clear') return
      const said = statuses.get(list) ?? { bytes: emptyBits(size) }
      statuses.set(list, said)
      if (verdict.kind === 'grace') {
        said.untilSeconds = Math.min(said.untilSeconds ?? Infinity, wholeSeconds(verdict.endsAt))
      } else {
        setStatus(said.bytes, place, statusOf(verdict))
      }
    }
    const afterId = oldestId(deps, keptSince)
    for (const selector of selectors) {
      const selection = {
        selector,
        exceptions: {},
        reach: 'tokens',
        expiringAfter: instant(keptSince),
        afterId,
      } as const
      await walkCredentials(read, selection, (chunk) => {
        for (const credential of chunk) take(credential)
      })
    }
    return statuses
  }
}

/** Clocks part a little, and an id begins with the time of issue. */
const OVERLAP_MS = 10_000

/**
 * Whatever expires after that time has a greater id, since none lives longer than the longest. Without
 * it the store looks for the oldest that is alive, which among a million takes a third of a second.
 */
function oldestId(deps: Deps, expiringAfterMs: number): string {
  const longestMs = longestTtlSeconds(deps, expiringAfterMs * 1000) * 1000
  const at = instant(Math.max(0, expiringAfterMs - longestMs - OVERLAP_MS))
  return newId('cred', at, { bytes: (length) => new Uint8Array(length) })
}

/** INVALID four times, in two bits each. */
const ALL_INVALID = 0b01_01_01_01

const wholeSeconds = (at: Instant): number => Math.floor(at / 1000)

export const statusOf = (verdict: RuleVerdict): number => {
  if (verdict.kind !== 'revoked') return VALID
  return verdict.by.suspends ? SUSPENDED : INVALID
}

interface Rules {
  readonly index: RuleIndex
  /** Together they select everything that any of the rules may hit. */
  readonly selectors: readonly Selector[]
}

/** So many entries are read in one go; each may list five thousand tokens. */
const PAGE = 20

async function rulesAt(read: Reader, positions: readonly Position[]): Promise<Rules> {
  const index = new RuleIndex()
  const named = new Map<Dimension, Set<string>>()
  const known = new Set<string>()
  let isWhole = false
  for (let from = 0; from < positions.length; from += PAGE) {
    const page = positions.slice(from, from + PAGE)
    for (const revocation of await read((tx) => revocationsAt(tx, page, known))) {
      index.add(ruleOf(revocation))
      const [dimension, values] = narrowest(revocation)
      if (dimension === undefined) {
        isWhole = true
        continue
      }
      const all = named.get(dimension) ?? new Set()
      named.set(dimension, all)
      for (const value of values) all.add(value)
    }
  }
  if (isWhole) return { index, selectors: [{ all: true }] }
  return {
    index,
    selectors: [...named].map(([dimension, values]) => ({ [dimension]: [...values] })),
  }
}

/**
 * The revocations whose entries these are, but for lifted ones and those that are known: each part of
 * a long list has an entry, and all have one record.
 */
async function revocationsAt(
  tx: Reading,
  positions: readonly Position[],
  known: Set<string>,
): Promise<Revocation[]> {
  const found: Revocation[] = []
  for (const position of positions) {
    // One below the floor is kept while it is in force, and found like this only.
    const [entry] = await tx.feedEntries(position - 1, 1)
    if (entry?.position !== position) continue
    const record = readRecord(utf8.decode(entry.bytes))
    if (typeof record === 'string' || record.op !== 'revoke' || known.has(record.id)) continue
    known.add(record.id)
    const revocation = await tx.findRevocation(record.id)
    if (revocation !== undefined && revocation.liftedAt === undefined) found.push(revocation)
  }
  return found
}

const utf8 = new TextDecoder()

/** By these few credentials are found without looking at all of them. */
const narrow = ['tokens', 'sessions', 'subjects', 'clients', 'trusts'] as const
type Dimension = (typeof narrow)[number]

function narrowest({ resolved }: Revocation): readonly [Dimension | undefined, readonly string[]] {
  for (const dimension of narrow) {
    const values = resolved[dimension]
    if (values !== undefined) return [dimension, values]
  }
  return [undefined, []]
}
