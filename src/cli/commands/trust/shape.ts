import { type Column, shape } from '#cli/view.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Reply } from '#contract/route.ts'

export type Trust = Reply<AdminApi['showTrust']>
type WrittenTrust = Reply<AdminApi['createTrust']>
type DeletedTrust = Reply<AdminApi['deleteTrust']>
export type TrustFinding = Reply<AdminApi['testTrust']>

const columns: readonly Column[] = [
  { key: 'id', keep: true },
  { key: 'form' },
  { key: 'clientId', title: 'client' },
  { key: 'scopes' },
  { key: 'claims', kind: 'map' },
  { key: 'mode' },
  { key: 'issuer', from: 'wide' },
  { key: 'audience', from: 'wide' },
  { key: 'conditions', from: 'wide' },
  { key: 'ttlSecondsMax', title: 'at most', kind: 'seconds', from: 'wide' },
  { key: 'createdAt', kind: 'time', from: 'wide' },
  { key: 'updatedAt', kind: 'time', from: 'wide' },
  { key: 'jwksUri', title: 'keys from', from: 'fields' },
  { key: 'jwks', title: 'pinned keys', kind: 'map', from: 'fields' },
  { key: 'allowsPrivate', title: 'private addresses', from: 'fields' },
]

const within = (name: string): readonly Column[] =>
  columns.map((column) => ({ ...column, key: `${name}.${column.key}` }))

export const trustShape = shape<Trust>({ kind: 'trust', id: ({ id }) => id, columns })

export const writtenTrustShape = shape<WrittenTrust>({
  kind: 'trust',
  id: ({ trust }) => trust.id,
  columns: [...within('trust'), { key: 'warnings', from: 'fields' }],
})

export const deletedTrustShape = shape<DeletedTrust>({
  kind: 'trust',
  id: ({ trust }) => trust.id,
  columns: [...within('trust'), { key: 'revocationId', title: 'revocation', keep: true }],
})

export const findingShape = shape<TrustFinding>({
  kind: 'trust',
  id: ({ trustId }) => trustId,
  columns: [
    { key: 'trustId', title: 'trust', keep: true },
    { key: 'matched' },
    { key: 'granted' },
    { key: 'mode' },
    { key: 'because' },
    { key: 'grant.clientId', title: 'client' },
    { key: 'grant.scopes', title: 'scopes' },
    { key: 'grant.ttlSeconds', title: 'for', kind: 'seconds' },
    { key: 'claims.claim', title: 'claims', from: 'fields' },
    { key: 'claims.expected', from: 'fields' },
    { key: 'claims.actual', from: 'fields' },
    { key: 'claims.ok', from: 'fields' },
    { key: 'conditions.expression', title: 'conditions', from: 'fields' },
    { key: 'conditions.ok', from: 'fields' },
    { key: 'conditions.detail', from: 'fields' },
  ],
})

/** One line of the table of claims: what a trust expects and what a token has. */
export interface ClaimLine {
  readonly claim: string
  readonly expected: string
  readonly actual: string
  readonly ok: string
}

export const claimShape = shape<ClaimLine>({
  kind: 'claim',
  id: ({ claim }) => claim,
  columns: [
    { key: 'claim', keep: true },
    { key: 'expected' },
    { key: 'actual' },
    { key: 'ok', title: '' },
  ],
})

/** The claims and conditions of a finding as lines; what a token lacks is `MISSING`. */
export const claimLines = ({
  claims,
  conditions,
}: Pick<TrustFinding, 'claims' | 'conditions'>): ClaimLine[] => [
  ...claims.map(({ claim, expected, actual, ok }) => ({
    claim,
    expected,
    actual: actual ?? 'MISSING',
    ok: ok ? 'ok' : 'NO',
  })),
  ...conditions.map(({ expression, ok, detail = 'true' }) => ({
    claim: 'condition',
    expected: expression,
    actual: detail,
    ok: ok ? 'ok' : 'NO',
  })),
]
