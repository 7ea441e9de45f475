import { titleOf } from '#cli/render/cell.ts'
import { type Column, shape } from '#cli/view.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Reply } from '#contract/route.ts'

export type Verifier = Reply<AdminApi['showVerifier']>
export type CreatedVerifier = Reply<AdminApi['createVerifier']>
export type RemovedVerifier = Reply<AdminApi['removeVerifier']>

/** `12 ms` below ten seconds, then seconds: what is seen at a glance. */
const span = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`

const columns: readonly Column[] = [
  { key: 'name', keep: true },
  { key: 'state', kind: 'state' },
  { key: 'mode' },
  {
    key: 'headAgeMs',
    title: 'head age',
    kind: 'number',
    said: ({ headAgeMs }: Verifier) => span(headAgeMs),
  },
  { key: 'lagMs', title: 'lag', kind: 'number', said: ({ lagMs }: Verifier) => span(lagMs) },
  { key: 'appliedPosition', title: 'applied', kind: 'number' },
  { key: 'audiences' },
  { key: 'lastSeenAt', title: 'seen', kind: 'time' },
  { key: 'id', from: 'wide' },
  { key: 'verifierId', title: 'credential', from: 'wide' },
  { key: 'leaseEndsAt', title: 'lease ends', kind: 'time', from: 'wide' },
  { key: 'clockOffsetMs', title: 'clock offset ms', kind: 'number', from: 'fields' },
  { key: 'keyIds', title: 'keys', from: 'wide' },
  { key: 'removedAt', title: 'removed', kind: 'time', from: 'wide' },
]

/** A running process of a resource server, or a credential that none follows the feed with. */
export const verifierShape = shape<Verifier>({ kind: 'verifier', id: ({ id }) => id, columns })

/** What is known of a credential before anything uses it. */
const credentialColumns = columns.filter(({ key }) =>
  ['name', 'mode', 'audiences', 'id', 'removedAt'].includes(key),
)

/** The columns of the verifier that is a member of what is printed; the rest only by `--fields`. */
function within(shown: readonly Column[]): readonly Column[] {
  const first = shown.map((column): Column => ({ ...memberOf(column), from: 'table' }))
  const rest = columns.filter((column) => !shown.includes(column))
  return [...first, ...rest.map((column): Column => ({ ...memberOf(column), from: 'fields' }))]
}

const memberOf = ({ key, title = titleOf({ key }), kind = 'text' }: Column): Column => ({
  key: `verifier.${key}`,
  title,
  kind,
})

const created = credentialColumns.filter(({ key }) => key !== 'removedAt')
export const createdVerifierShape = shape<CreatedVerifier>({
  kind: 'verifier',
  id: ({ verifier }) => verifier.id,
  columns: [
    ...within(created),
    // Printed for itself, as it is shown only once.
    { key: 'credential', from: 'fields' },
  ],
})

export const removedVerifierShape = shape<RemovedVerifier>({
  kind: 'verifier',
  id: ({ verifier }) => verifier.id,
  columns: [
    ...within(credentialColumns),
    { key: 'leasesEndAt', title: 'leases end', kind: 'time' },
  ],
})
