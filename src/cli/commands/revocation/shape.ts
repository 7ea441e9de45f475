import { shape } from '#cli/view.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Reply } from '#contract/route.ts'

export type Revocation = Reply<AdminApi['showRevocation']>
export type RevocationItem = Reply<AdminApi['revoke']>['items'][number]
export type ServerPlan = Reply<AdminApi['planRevocation']>
/** A plan as it is printed; what else the server tells is for the question only. */
export type Plan = Omit<ServerPlan, 'severe' | 'items'>

/** A revocation, as `revocation list` and `revocation show` print it. */
export const revocationShape = shape<Revocation>({
  kind: 'revocation',
  id: ({ id }) => id,
  columns: [
    { key: 'id', keep: true },
    { key: 'state', kind: 'state' },
    { key: 'reason' },
    { key: 'matched.credentials', title: 'Credentials', kind: 'number' },
    { key: 'blocks' },
    { key: 'publishedAt', title: 'Published', kind: 'time' },
    { key: 'expiresAt', title: 'Expires', kind: 'time' },
    { key: 'actor' },
    { key: 'position', kind: 'number', from: 'wide' },
    { key: 'cut', kind: 'number', from: 'wide' },
    { key: 'reach', from: 'wide' },
    { key: 'graceSeconds', title: 'Grace', kind: 'seconds', from: 'wide' },
    { key: 'final', from: 'wide' },
    { key: 'liftedAt', title: 'Lifted', kind: 'time', from: 'wide' },
    { key: 'message', from: 'wide' },
    { key: 'incidentId', title: 'Incident', from: 'wide' },
    { key: 'selector', kind: 'map', from: 'fields' },
    { key: 'exceptions', kind: 'map', from: 'fields' },
    { key: 'matched.byClient', title: 'By client', kind: 'map', from: 'fields' },
    { key: 'matched.byScope', title: 'By scope', kind: 'map', from: 'fields' },
    { key: 'matched.byAudience', title: 'By audience', kind: 'map', from: 'fields' },
    { key: 'enforcedAt', title: 'Enforced', kind: 'time', from: 'fields' },
    { key: 'enforcedBy', title: 'Enforced by', kind: 'time', from: 'fields' },
  ],
})

/** What became of one value that was named. */
export const itemShape = shape<RevocationItem>({
  kind: 'target',
  id: ({ target }) => target,
  columns: [{ key: 'target', keep: true }, { key: 'result' }, { key: 'detail' }],
})

/** What `revoke` answers; `revocation` is null where nothing was left to revoke, as all was spared. */
export interface Revoked {
  readonly revocation: Revocation | null
  readonly items: readonly RevocationItem[]
}

export const revokedShape = shape<Revoked>({
  kind: 'revocation',
  id: ({ revocation }) => revocation?.id ?? '',
  columns: [
    { key: 'revocation.id', title: 'Id', keep: true },
    { key: 'revocation.position', title: 'Position', kind: 'number' },
    { key: 'revocation.state', title: 'State', kind: 'state' },
    { key: 'revocation.matched.credentials', title: 'Credentials', kind: 'number' },
    { key: 'revocation.publishedAt', title: 'Published', kind: 'time' },
    { key: 'revocation.reason', title: 'Reason', from: 'wide' },
    { key: 'revocation.blocks', title: 'Blocks', from: 'wide' },
    { key: 'revocation.expiresAt', title: 'Expires', kind: 'time', from: 'wide' },
    { key: 'revocation.actor', title: 'Actor', from: 'wide' },
    { key: 'items', kind: 'map', from: 'fields' },
  ],
})

export const planShape = shape<Plan>({
  kind: 'plan',
  id: ({ hash }) => hash,
  columns: [
    { key: 'phrase', keep: true },
    { key: 'matched.credentials', title: 'Credentials', kind: 'number' },
    { key: 'reason' },
    { key: 'blocks' },
    { key: 'final' },
    { key: 'graceSeconds', title: 'Grace', kind: 'seconds' },
    { key: 'expiresAt', title: 'Expires', kind: 'time' },
    { key: 'position', kind: 'number', from: 'wide' },
    { key: 'reach', from: 'wide' },
    { key: 'policyVersion', title: 'Policy', kind: 'number', from: 'wide' },
    { key: 'hash', from: 'wide' },
    { key: 'message', from: 'fields' },
    { key: 'incidentId', title: 'Incident', from: 'fields' },
    { key: 'warnings', from: 'fields' },
    { key: 'selector', kind: 'map', from: 'fields' },
    { key: 'exceptions', kind: 'map', from: 'fields' },
    { key: 'matched.byClient', title: 'By client', kind: 'map', from: 'fields' },
    { key: 'matched.byScope', title: 'By scope', kind: 'map', from: 'fields' },
    { key: 'matched.byAudience', title: 'By audience', kind: 'map', from: 'fields' },
  ],
})

export interface Lifted {
  readonly revocation: Revocation
  readonly alreadyLifted: boolean
  readonly revived: Revocation['matched']
}

const revocationAfter = [
  { key: 'revocation.id', title: 'Id', keep: true },
  { key: 'revocation.state', title: 'State', kind: 'state' },
  { key: 'revocation.reason', title: 'Reason' },
  { key: 'revocation.position', title: 'Position', kind: 'number', from: 'wide' },
  { key: 'revocation.cut', title: 'Cut', kind: 'number', from: 'wide' },
] as const

export const liftedShape = shape<Lifted>({
  kind: 'revocation',
  id: ({ revocation }) => revocation.id,
  columns: [
    ...revocationAfter,
    { key: 'revocation.liftedAt', title: 'Lifted', kind: 'time' },
    { key: 'revived.credentials', title: 'Valid again', kind: 'number' },
    { key: 'alreadyLifted', title: 'Before', from: 'wide' },
    { key: 'revived.byClient', title: 'By client', kind: 'map', from: 'wide' },
    { key: 'revived.byScope', title: 'By scope', kind: 'map', from: 'fields' },
    { key: 'revived.byAudience', title: 'By audience', kind: 'map', from: 'fields' },
  ],
})

export interface Unblocked {
  readonly revocation: Revocation
  readonly alreadyUnblocked: boolean
}

export const unblockedShape = shape<Unblocked>({
  kind: 'revocation',
  id: ({ revocation }) => revocation.id,
  columns: [...revocationAfter, { key: 'alreadyUnblocked', title: 'Before', from: 'wide' }],
})
