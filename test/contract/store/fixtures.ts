import type { AuditEntry } from '#domain/audit/entry.ts'
import type { Client } from '#domain/client/client.ts'
import type { Credential } from '#domain/credential/credential.ts'
import type { FeedEntry } from '#domain/feed/entry.ts'
import { type Position, position } from '#domain/feed/position.ts'
import type { Key } from '#domain/keys/key.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { fromSeconds, instant } from '#kernel/instant.ts'
import { Problem } from '#kernel/problem.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import type { CandidateValues } from '#domain/revocation/rule-index.ts'
import type { Store } from '#store/port.ts'

export type OpenStore = () => Promise<Store>

/** Runs a test on a store of its own, which is empty. */
export async function withStore<T>(
  open: OpenStore,
  test: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await open()
  try {
    return await test(store)
  } finally {
    await store.close()
  }
}

/** 2026-11-23T19:08:00Z. */
export const NOW_SECONDS = 1_795_460_880
export const NOW = fromSeconds(NOW_SECONDS)
export const secondsLater = (seconds: number) => fromSeconds(NOW_SECONDS + seconds)

export const client = (id: string, more: Partial<Client> = {}): Client => ({
  id,
  tier: 'standard',
  scopes: ['deploy:*', 'read'],
  audiences: ['https://api.example.com'],
  authMethods: ['secret'],
  keys: [],
  state: 'enabled',
  tags: {},
  createdAt: NOW,
  ...more,
})

export const credential = (id: string, more: Partial<Credential> = {}): Credential => ({
  id,
  clientId: 'ci',
  tier: 'standard',
  subject: more.clientId ?? 'ci',
  scopes: ['read'],
  audience: ['https://api.example.com'],
  issuedAt: NOW,
  expiresAt: secondsLater(600),
  keyId: 'key_a',
  sessionId: id,
  feedSeq: position(1, 0),
  rootSeq: position(1, 0),
  rootIssuedAt: NOW,
  createdBy: 'local',
  tags: {},
  ...more,
})

/** One with every field set, none to its default. */
export const fullCredential: Credential = {
  id: 'cred_full',
  trustId: 'github',
  clientId: 'web',
  tier: 'high',
  subject: 'alice@example.com',
  scopes: ['deploy:prod', 'read'],
  audience: ['https://a.example.com', 'urn:b?x="1"'],
  issuedAt: secondsLater(-5),
  expiresAt: secondsLater(595),
  keyId: 'key_b',
  sessionId: 'cred_root',
  parentId: 'cred_root',
  feedSeq: position(3, 4_000_000_000),
  rootSeq: position(2, 7),
  rootIssuedAt: secondsLater(-900),
  createdBy: 'operator:bob',
  justification: 'the pager said "now" – really',
  tags: { 'team.name/x': 'core', quote: 'a"b\\c', empty: '' },
  lastSeenAt: instant(NOW + 123),
}

export const revocation = (sequence: number, more: Partial<Revocation> = {}): Revocation => {
  const selector = more.selector ?? { clients: ['ci'] }
  return {
    id: `rev_${sequence}`,
    position: position(1, sequence),
    selector,
    exceptions: {},
    resolved: selector,
    cut: position(1, sequence),
    reach: 'sessions',
    reason: 'compromise',
    graceSeconds: 0,
    blocks: false,
    final: false,
    suspends: false,
    publishedAt: NOW,
    matched: { credentials: 0, byClient: {}, byScope: {}, byAudience: {} },
    actor: 'local',
    recordSalt: 'AAAAAAAAAAAAAAAAAAAAAA',
    ...more,
  }
}

export const key = (id: string, more: Partial<Key> = {}): Key => ({
  id,
  purpose: 'token',
  algorithm: 'ES256',
  state: 'active',
  createdAt: NOW,
  publicJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: id },
  ...more,
})

export const auditEntry = (id: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  id,
  at: NOW,
  actor: 'local',
  action: 'credential.issue',
  target: `credential:${id}`,
  outcome: 'ok',
  requestId: `req_${id}`,
  origin: { transport: 'embedded' },
  detail: {},
  ...more,
})

export const feedEntry = (at: Position, more: Partial<FeedEntry> = {}): FeedEntry => ({
  position: at,
  op: 'revoke',
  bytes: new TextEncoder().encode(`entry ${at}`),
  chain: new Uint8Array(32).fill(at % 251),
  ...more,
})

export const noValues: CandidateValues = {
  tokens: [],
  clients: [],
  subjects: [],
  sessions: [],
  scopes: [],
  audiences: [],
  keys: [],
  trusts: [],
}

/** Follows a list to its end. */
export async function allPages<T>(
  limit: number,
  list: (page: PageRequest) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = []
  let page = await list({ limit })
  for (;;) {
    items.push(...page.items)
    if (page.nextCursor === null) return items
    page = await list({ limit, cursor: page.nextCursor })
  }
}

export const ids = (items: readonly { readonly id: string }[]): string[] =>
  items.map(({ id }) => id)

/** The code with which a promise is refused; whatever else happens is thrown on. */
export async function refusalOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code
    throw thrown
  }
  return 'not refused'
}
