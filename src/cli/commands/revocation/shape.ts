import { type Column, shape } from '#cli/view.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Reply } from '#contract/route.ts'
import type { Enforcement } from './enforcement.ts'

export type Revocation = Reply<AdminApi['showRevocation']>
export type RevocationItem = Reply<AdminApi['revoke']>['items'][number]
export type ServerPlan = Reply<AdminApi['planRevocation']>
/** A plan as it is printed; what else the server tells is for the question only. */
export type Plan = Omit<ServerPlan, 'severe' | 'items' | 'itemCounts'>

/** Where nobody counted, a nought would say that nothing was hit. */
const uncounted = (matched: Revocation['matched'] | undefined): string | undefined =>
  matched === undefined || matched.counted === false ? 'not counted' : undefined

/** How far the enforcement of a revocation has come; in tables sentences tell it. */
const enforcementColumns: readonly Column[] = [
  { key: 'enforcement.state', title: 'Enforcement', kind: 'state', from: 'fields' },
  { key: 'enforcement.enforcedAt', title: 'Enforced', kind: 'time', from: 'fields' },
  { key: 'enforcement.certainBy', title: 'Certain by', kind: 'time', from: 'fields' },
  { key: 'enforcement.graceEndsAt', title: 'Grace ends', kind: 'time', from: 'fields' },
  { key: 'enforcement.verifiers.total', title: 'Verifiers', kind: 'number', from: 'wide' },
  {
    key: 'enforcement.verifiers.acknowledged',
    title: 'Acknowledged',
    kind: 'number',
    from: 'wide',
  },
  { key: 'enforcement.verifiers.lapsed', title: 'Lapsed', kind: 'number', from: 'wide' },
  { key: 'enforcement.verifiers.waiting', title: 'Waiting', kind: 'number', from: 'wide' },
  { key: 'enforcement.acknowledgedMs.p50', title: 'p50 ms', kind: 'number', from: 'wide' },
  { key: 'enforcement.acknowledgedMs.p99', title: 'p99 ms', kind: 'number', from: 'wide' },
  { key: 'enforcement.acknowledgedMs.max', title: 'max ms', kind: 'number', from: 'fields' },
  { key: 'enforcement.stragglers.name', title: 'Stragglers', from: 'fields' },
  { key: 'enforcement.audiences.audience', title: 'Audiences', from: 'fields' },
]

/** A revocation, as `revocation list` and `revocation show` print it. */
export const revocationShape = shape<Revocation>({
  kind: 'revocation',
  id: ({ id }) => id,
  columns: [
    { key: 'id', keep: true },
    { key: 'state', kind: 'state' },
    { key: 'reason' },
    {
      key: 'matched.credentials',
      title: 'Credentials',
      kind: 'number',
      said: ({ matched }: Revocation) => uncounted(matched),
    },
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
    { key: 'enforcedAt', title: 'Enforced', kind: 'time', from: 'wide' },
    { key: 'enforcedBy', title: 'Certain by', kind: 'time', from: 'wide' },
    { key: 'matched.counted', title: 'Counted', from: 'fields' },
  ],
})

/** What became of one value that was named. */
export const itemShape = shape<RevocationItem>({
  kind: 'target',
  id: ({ target }) => target,
  columns: [{ key: 'target', keep: true }, { key: 'result' }, { key: 'detail' }],
})

/** A revocation by itself, where one is looked at: with how far its enforcement has come. */
export interface Shown extends Revocation {
  readonly enforcement: Enforcement
}

export const shownShape = shape<Shown>({
  kind: 'revocation',
  id: ({ id }) => id,
  columns: [
    ...revocationShape.columns.map((column): Column =>
      column.key === 'enforcedAt' || column.key === 'enforcedBy'
        ? { ...column, from: 'table' }
        : column,
    ),
    ...enforcementColumns,
  ],
})

/** What `revoke` answers; `revocation` is null where nothing was left to revoke, as all was spared. */
export interface Revoked {
  readonly revocation: Revocation | null
  readonly items: readonly RevocationItem[]
  /** Of more than 10,000 named values: how many had each result. */
  readonly itemCounts?: NonNullable<Reply<AdminApi['revoke']>['itemCounts']>
  /** How many of the credentials were issued between plan and revocation. */
  readonly mintedMeanwhile?: number
  /** Where it was waited for. */
  readonly enforcement?: Enforcement
  /** A JWS of type feed-certificate+jwt, where `--wait enforced` was confirmed. */
  readonly certificate?: string
}

export const revokedShape = shape<Revoked>({
  kind: 'revocation',
  id: ({ revocation }) => revocation?.id ?? '',
  columns: [
    { key: 'revocation.id', title: 'Id', keep: true },
    { key: 'revocation.position', title: 'Position', kind: 'number' },
    { key: 'revocation.state', title: 'State', kind: 'state' },
    {
      key: 'revocation.matched.credentials',
      title: 'Credentials',
      kind: 'number',
      said: ({ revocation }: Revoked) =>
        revocation === null ? undefined : uncounted(revocation.matched),
    },
    { key: 'revocation.publishedAt', title: 'Published', kind: 'time' },
    {
      key: 'revocation.enforcedBy',
      title: 'Certain by',
      kind: 'time',
      said: ({ revocation }: Revoked) =>
        revocation?.state === 'enforced' ? 'enforced' : undefined,
    },
    { key: 'revocation.reason', title: 'Reason', from: 'wide' },
    { key: 'revocation.blocks', title: 'Blocks', from: 'wide' },
    { key: 'revocation.expiresAt', title: 'Expires', kind: 'time', from: 'wide' },
    { key: 'revocation.actor', title: 'Actor', from: 'wide' },
    { key: 'items', kind: 'map', from: 'fields' },
    { key: 'itemCounts', kind: 'map', from: 'fields' },
    { key: 'mintedMeanwhile', kind: 'number', from: 'fields' },
    ...enforcementColumns,
    { key: 'certificate', from: 'fields' },
  ],
})

/** What `revocation wait` answers. */
export interface Waited {
  readonly revocation: Revocation
  readonly enforcement: Enforcement
  readonly certificate?: string
}

export const waitedShape = shape<Waited>({
  kind: 'revocation',
  id: ({ revocation }) => revocation.id,
  columns: [
    { key: 'revocation.id', title: 'Id', keep: true },
    { key: 'enforcement.state', title: 'State', kind: 'state' },
    { key: 'enforcement.position', title: 'Position', kind: 'number' },
    {
      key: 'revocation.matched.credentials',
      title: 'Credentials',
      kind: 'number',
      said: ({ revocation }: Waited) => uncounted(revocation.matched),
    },
    { key: 'enforcement.publishedAt', title: 'Published', kind: 'time' },
    { key: 'enforcement.enforcedAt', title: 'Enforced', kind: 'time' },
    { key: 'enforcement.certainBy', title: 'Certain by', kind: 'time' },
    ...enforcementColumns.filter(({ key }) => !/\.(?:state|enforcedAt|certainBy)$/.test(key)),
    { key: 'certificate', from: 'fields' },
  ],
})

export const planShape = shape<Plan>({
  kind: 'plan',
  id: ({ hash }) => hash,
  columns: [
    { key: 'phrase', keep: true },
    {
      key: 'matched.credentials',
      title: 'Credentials',
      kind: 'number',
      said: ({ matched }: Plan) => uncounted(matched),
    },
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
    { key: 'selectionId', title: 'Selection', from: 'fields' },
    { key: 'warnings', from: 'fields' },
    { key: 'selector', kind: 'map', from: 'fields' },
    { key: 'exceptions', kind: 'map', from: 'fields' },
    { key: 'matched.byClient', title: 'By client', kind: 'map', from: 'fields' },
    { key: 'matched.byScope', title: 'By scope', kind: 'map', from: 'fields' },
    { key: 'matched.byAudience', title: 'By audience', kind: 'map', from: 'fields' },
  ],
})

export type Lifted = Reply<AdminApi['liftRevocation']>
export type LiftedItem = NonNullable<Lifted['items']>[number]

export const liftedItemShape = shape<LiftedItem>({
  kind: 'target',
  id: ({ target }) => target,
  columns: [{ key: 'target', keep: true }, { key: 'result', kind: 'state' }, { key: 'detail' }],
})

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
    { key: 'replacement.id', title: 'Replaced by', keep: true },
    { key: 'replacement.position', title: 'Its position', kind: 'number', from: 'wide' },
    { key: 'alreadyLifted', title: 'Before', from: 'wide' },
    { key: 'revived.byClient', title: 'By client', kind: 'map', from: 'wide' },
    { key: 'revived.byScope', title: 'By scope', kind: 'map', from: 'fields' },
    { key: 'revived.byAudience', title: 'By audience', kind: 'map', from: 'fields' },
    { key: 'items', kind: 'map', from: 'fields' },
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
