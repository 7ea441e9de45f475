import {
  type Proven,
  publishedMicros,
  rosterOf,
  standingOf,
  withCoverage,
} from '#domain/proof/enforcement.ts'
import type { Lease } from '#domain/proof/proof.ts'
import type { Revocation, RevocationState } from '#domain/revocation/revocation.ts'
import { maxTtlSeconds } from '#domain/policy/policy.ts'
import { reading } from '#domain/feed/authority-time.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, RevocationFilter } from '#store/port.ts'
import type { Deps } from './deps.ts'
import type { Memory } from './idempotency.ts'

/** A revocation as it stands at one instant. */
export interface RevocationView {
  readonly revocation: Revocation
  readonly state: RevocationState
  readonly enforcedAt?: Instant
}

export interface RevocationQuery extends Omit<RevocationFilter, 'lifted'> {
  readonly state?: RevocationState
}

/** How many rows are read at a time while looking for those of one state, and how many for one page. */
const SCAN_SIZE = 200
const SCAN_ROWS_MAX = 5000

/**
 * One page of revocations, the newest first. But for `lifted` a state is no column: it follows from
 * the clock and from what verifiers have said, so it is judged row by row.
 */
export function listRevocations(
  deps: Deps,
  { state, ...filter }: RevocationQuery,
  page: PageRequest,
): Promise<Page<RevocationView>> {
  const narrowed = { ...filter, ...(state === undefined ? {} : { lifted: state === 'lifted' }) }
  return deps.store.read(async (tx) => {
    const judge = judging(deps, tx)
    const items: RevocationView[] = []
    let cursor = page.cursor
    for (let scanned = 0; ;) {
      const limit =
        state === undefined ? page.limit : Math.min(SCAN_SIZE, page.limit - items.length)
      const rows = await tx.listRevocations(narrowed, { limit, cursor })
      for (const view of await judge(rows.items)) {
        if (state === undefined || view.state === state) items.push(view)
      }
      scanned += rows.items.length
      if (rows.nextCursor === null) return { items, nextCursor: null }
      cursor = rows.nextCursor
      if (page.limit <= items.length || SCAN_ROWS_MAX <= scanned) {
        return { items, nextCursor: cursor }
      }
    }
  })
}

export const showRevocation = (deps: Deps, id: string): Promise<RevocationView> =>
  deps.store.read(async (tx) => viewWithin(deps, tx, await revocationOf(tx, id)))

/** How a revocation that was just written stands; in a transaction of its own, in nobody's way. */
export const viewRevocation = (deps: Deps, revocation: Revocation): Promise<RevocationView> =>
  deps.store.read((tx) => viewWithin(deps, tx, revocation))

async function viewWithin(
  deps: Deps,
  tx: Reading,
  revocation: Revocation,
): Promise<RevocationView> {
  const [view] = await judging(deps, tx)([revocation])
  return view ?? refuse('internal', 'a revocation has no view')
}

/** Judges revocations; who was given heads is read once, and only where it matters. */
function judging(
  deps: Deps,
  tx: Reading,
): (revocations: readonly Revocation[]) => Promise<RevocationView[]> {
  let known: { readonly afterMicros: number; readonly leases: readonly Lease[] } | undefined
  return async (revocations) => {
    const { timeMicros } = await authorityMicros(deps, tx)
    const undecided = revocations.filter((one) => !isDecided(one))
    const afterMicros = undecided.reduce(
      (least, one) => Math.min(least, publishedMicros(one)),
      Infinity,
    )
    if (0 < undecided.length && (known === undefined || afterMicros < known.afterMicros)) {
      const leaseAfterMicros = afterMicros - MILLISECOND
      known = { afterMicros, leases: await tx.leases({ leaseAfterMicros }) }
    }
    return revocations.map((revocation) => {
      const proven = provenOf(deps, revocation)
      const roster = isDecided(revocation) ? [] : rosterOf(proven, known?.leases ?? [])
      const { state, enforcedMicros } = standingOf(proven, roster, timeMicros)
      return {
        revocation,
        state,
        ...(enforcedMicros === undefined
          ? {}
          : { enforcedAt: instant(Math.ceil(enforcedMicros / 1000)) }),
      }
    })
  }
}

/** What is lifted, or enforced on record, is so whoever was given heads. */
const isDecided = ({ liftedAt, enforcedAt }: Revocation): boolean =>
  liftedAt !== undefined || enforcedAt !== undefined

const MILLISECOND = 1000

/** With a coverage, also where it was published before there were any. */
export const provenOf = (deps: Deps, revocation: Revocation): Revocation & Proven =>
  withCoverage(revocation, maxTtlSeconds(deps.policy))

export const authorityMicros = async (deps: Deps, tx: Reading): Promise<{ timeMicros: number }> =>
  reading(await tx.feed(), deps.clock.now() * 1000)

/**
 * What is kept of an answer for a request that is sent again: whose it was. A list may hold a million
 * tokens, which need not be kept a second time.
 */
export const memoryById = <
  T extends { readonly revocation?: Revocation; readonly replacement?: Revocation },
>(): Memory<T> => ({
  keep: ({ revocation, replacement, ...rest }) => ({
    rest,
    revocationId: revocation?.id,
    replacementId: replacement?.id,
  }),
  async bring(tx, kept) {
    const { rest, revocationId, replacementId } = kept as Kept
    return {
      ...rest,
      ...(revocationId === undefined ? {} : { revocation: await revocationOf(tx, revocationId) }),
      ...(replacementId === undefined
        ? {}
        : { replacement: await revocationOf(tx, replacementId) }),
    } as T
  },
})

interface Kept {
  readonly rest: object
  readonly revocationId?: string
  readonly replacementId?: string
}

export async function revocationOf(tx: Reading, id: string): Promise<Revocation> {
  return (
    (await tx.findRevocation(id)) ??
    refuse('revocation-unknown', `no revocation ${id.slice(0, 64)} is on record`, {
      next: 'credctl revocation list',
    })
  )
}
