import { type Column, shape } from '#cli/view.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Reply } from '#contract/route.ts'

export type Credential = Reply<AdminApi['showCredential']>
export type IssuedToken = Reply<AdminApi['issueTokens']>['items'][number]
export type Decision = Reply<AdminApi['verifyToken']>
export type Client = Reply<AdminApi['showClient']>
export type CreatedClient = Reply<AdminApi['createClient']>
/** A client after a change, and the revocation that took what it held. */
export type ChangedClient = Reply<AdminApi['disableClient']>
export type Key = Reply<AdminApi['showKey']>
export type Rotation = Reply<AdminApi['rotateKey']>
export type AuditEntry = Reply<AdminApi['listAudit']>['items'][number]

const credentialColumns: readonly Column[] = [
  { key: 'id', keep: true },
  { key: 'clientId', title: 'client' },
  { key: 'subject' },
  { key: 'scopes' },
  { key: 'issuedAt', kind: 'time' },
  { key: 'expiresAt', title: 'expires', kind: 'time' },
  { key: 'state', kind: 'state' },
  { key: 'createdBy', title: 'created by', from: 'wide' },
  { key: 'lastSeenAt', kind: 'time', from: 'wide' },
  { key: 'audience', from: 'wide' },
  { key: 'sessionId', from: 'wide' },
  { key: 'keyId', from: 'wide' },
  { key: 'revocationId', from: 'wide' },
  { key: 'tags', kind: 'map', from: 'wide' },
  { key: 'parentId', from: 'fields' },
  { key: 'justification', from: 'fields' },
]

/** The columns of something that is a member of what is printed, under the member's name. */
const within = (name: string, columns: readonly Column[]): readonly Column[] =>
  columns.map((column) => ({ ...column, key: `${name}.${column.key}` }))

/** A credential: never the token itself. */
export const credentialShape = shape<Credential>({
  kind: 'credential',
  id: ({ id }) => id,
  columns: credentialColumns,
})

/** In a list the subject is mostly the client once more, and the scopes need the room. */
export const credentialListShape = shape<Credential>({
  ...credentialShape,
  columns: credentialColumns.map((column) =>
    column.key === 'subject' ? { ...column, from: 'wide' } : column,
  ),
})

/** A token that was issued. It is printed for itself, where it can be copied, and never cut. */
export const issuedShape = shape<Omit<IssuedToken, 'token'>>({
  kind: 'credential',
  id: ({ credential }) => credential.id,
  columns: [
    ...within(
      'credential',
      credentialColumns.filter(({ key }) => !['state', 'issuedAt', 'lastSeenAt'].includes(key)),
    ),
    { key: 'credential.issuedAt', kind: 'time', from: 'wide' },
    { key: 'tokenType', title: 'type', from: 'wide' },
    { key: 'credential.state', kind: 'state', from: 'fields' },
    { key: 'credential.lastSeenAt', kind: 'time', from: 'fields' },
    { key: 'expiresIn', kind: 'seconds', from: 'fields' },
    { key: 'clampedFrom', kind: 'seconds', from: 'fields' },
    { key: 'outFile', from: 'fields' },
    { key: 'token', from: 'fields' },
  ],
})

const clientColumns: readonly Column[] = [
  { key: 'id', keep: true },
  { key: 'tier' },
  { key: 'state', kind: 'state' },
  { key: 'scopes' },
  { key: 'audiences' },
  { key: 'authMethods', title: 'auth' },
  { key: 'createdAt', kind: 'time', from: 'wide' },
  { key: 'keys.id', title: 'keys', from: 'wide' },
  { key: 'tags', kind: 'map', from: 'wide' },
  { key: 'keys.algorithm', title: 'key algorithms', from: 'fields' },
  { key: 'keys.createdAt', title: 'keys created', from: 'fields' },
]

export const clientShape = shape<Client>({
  kind: 'client',
  id: ({ id }) => id,
  columns: clientColumns,
})

export const createdClientShape = shape<CreatedClient>({
  kind: 'client',
  id: ({ client }) => client.id,
  columns: [
    ...within('client', clientColumns),
    // Printed for itself, as it is shown only once.
    { key: 'clientSecret', title: 'secret', from: 'fields' },
  ],
})

export const changedClientShape = shape<ChangedClient>({
  kind: 'client',
  id: ({ client }) => client.id,
  columns: [
    ...within('client', clientColumns),
    { key: 'revocationId', title: 'revocation', keep: true },
  ],
})

export const addedKeysShape = shape<Reply<AdminApi['addClientKeys']>>({
  kind: 'client',
  id: ({ client }) => client.id,
  columns: [...within('client', clientColumns), { key: 'added', title: 'added keys', keep: true }],
})

export const rotatedSecretShape = shape<Reply<AdminApi['rotateClientSecret']>>({
  kind: 'client',
  id: ({ client }) => client.id,
  columns: [
    ...within('client', clientColumns),
    { key: 'previousExpireAt', title: 'old secret ends', kind: 'time' },
    // Printed for itself, as it is shown only once.
    { key: 'clientSecret', title: 'secret', from: 'fields' },
  ],
})

const keyColumns: readonly Column[] = [
  { key: 'id', keep: true },
  { key: 'purpose' },
  { key: 'algorithm' },
  { key: 'state', kind: 'state' },
  { key: 'createdAt', kind: 'time' },
  { key: 'liveCredentials', title: 'live tokens', kind: 'number' },
  { key: 'retireAfter', title: 'retires', kind: 'time' },
  { key: 'activateAfter', title: 'activates', kind: 'time', from: 'wide' },
  { key: 'publicJwk', title: 'public key', kind: 'map', from: 'fields' },
]

export const keyShape = shape<Key>({ kind: 'key', id: ({ id }) => id, columns: keyColumns })

export const rotationShape = shape<Rotation>({
  kind: 'key',
  id: ({ key }) => key.id,
  columns: [
    { key: 'key.id', title: 'key', keep: true },
    { key: 'key.algorithm', title: 'algorithm' },
    { key: 'key.state', title: 'state', kind: 'state' },
    { key: 'previous.id', title: 'previous key', keep: true },
    { key: 'previous.state', title: 'its state', kind: 'state' },
    { key: 'previous.liveCredentials', title: 'its live tokens', kind: 'number' },
    { key: 'previous.retireAfter', title: 'it retires', kind: 'time' },
    ...within('key', keyColumns)
      .filter(({ key }) => !['key.id', 'key.algorithm', 'key.state'].includes(key))
      .map((column): Column => ({ ...column, from: 'fields' })),
    { key: 'previous.purpose', from: 'fields' },
    { key: 'previous.algorithm', from: 'fields' },
    { key: 'previous.createdAt', kind: 'time', from: 'fields' },
  ],
})

export const auditShape = shape<AuditEntry>({
  kind: 'audit',
  id: ({ id }) => id,
  columns: [
    { key: 'at', kind: 'time' },
    { key: 'actor' },
    { key: 'action', keep: true },
    { key: 'target' },
    { key: 'outcome' },
    { key: 'justification' },
    { key: 'requestId', title: 'request', from: 'wide' },
    { key: 'origin.transport', title: 'transport', from: 'wide' },
    { key: 'origin.ip', title: 'ip', from: 'wide' },
    { key: 'id', from: 'wide' },
    { key: 'detail', kind: 'map', from: 'wide' },
    { key: 'policyVersion', kind: 'number', from: 'fields' },
    { key: 'origin.userAgent', from: 'fields' },
  ],
})

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`
export const tokens = (n: number): string => count(n, 'token', 'tokens')
export const liveTokens = (n: number): string => count(n, 'live token', 'live tokens')
