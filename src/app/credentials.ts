import type { CredentialState } from '#domain/credential/credential.ts'
import { revocableOf } from '#domain/revocation/rule.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { CredentialFilter } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { type CredentialView, judge, ruleIndex, viewOf } from './states.ts'

export type { CredentialView } from './states.ts'

export interface CredentialQuery extends CredentialFilter {
  readonly state?: CredentialState
}

/** How many rows are read at a time while looking for those of one state. */
const SCAN_SIZE = 1000
/**
 * How many rows one page looks at before it answers with what it has found so far. A list for a
 * state that hardly any credential is in stays prompt, and its cursor goes on from there.
 */
const SCAN_ROWS_MAX = 50_000

/**
 * One page of credentials, the newest first. The state is no column: it follows from the clock and
 * from the revocations in force, so it is judged row by row.
 */
export function listCredentials(
  deps: Deps,
  { state, ...filter }: CredentialQuery,
  page: PageRequest,
): Promise<Page<CredentialView>> {
  return deps.store.read(async (tx) => {
    const now = (await authorityTime(deps, tx)).at
    const index = await ruleIndex(deps.store, tx)
    const narrowed = narrow(filter, state, now)
    const items: CredentialView[] = []
    let cursor = page.cursor
    for (let scanned = 0; ;) {
      const limit =
        state === undefined ? page.limit : Math.min(SCAN_SIZE, page.limit - items.length)
      const rows = await tx.listCredentials(narrowed, { limit, cursor })
      for (const credential of rows.items) {
        const view = viewOf(credential, index.verdict(revocableOf(credential), now), now)
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

/** Whether it has expired is known to the database; whether it is revoked is not. */
function narrow(
  filter: CredentialFilter,
  state: CredentialState | undefined,
  now: Instant,
): CredentialFilter {
  if (state === 'active') return { ...filter, expiresAfter: now }
  if (state !== 'expired') return filter
  const { expiresBefore } = filter
  // A second late, because what expires at this very instant has expired; the judging is exact.
  const bound = instant(now + 1000)
  const least = expiresBefore === undefined || bound < expiresBefore ? bound : expiresBefore
  return { ...filter, expiresBefore: least }
}

export function showCredential(deps: Deps, id: string): Promise<CredentialView> {
  return deps.store.read(async (tx) => {
    const credential = await tx.findCredential(id)
    if (credential === undefined) return refuseUnknown(id)
    const now = (await authorityTime(deps, tx)).at
    return viewOf(credential, await judge(tx, revocableOf(credential), now), now)
  })
}

const refuseUnknown = (id: string): never =>
  refuse('credential-unknown', `no credential ${id.slice(0, 64)} is on record`, {
    next: 'credctl token list',
  })
