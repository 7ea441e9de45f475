import type { z } from 'zod'
import type { KeyView } from '#app/keys.ts'
import type { CredentialView } from '#app/credentials.ts'
import type { Plan } from '#app/revocation-plan.ts'
import type { Enforced } from '#app/proof.ts'
import type { RevocationView } from '#app/revocations.ts'
import type { SelectionView } from '#app/selections.ts'
import type { Items } from '#app/tally.ts'
import type { AuditEntry as AuditEntryWire } from '#contract/admin/audit.ts'
import type { Client as ClientWire } from '#contract/admin/client.ts'
import type { Credential as CredentialWire } from '#contract/admin/credential.ts'
import type { Key as KeyWire } from '#contract/admin/key.ts'
import { SELECTOR_VALUES_MAX } from '#contract/limits.ts'
import type {
  Enforcement as EnforcementWire,
  Exceptions as ExceptionsWire,
  Plan as PlanWire,
  Revocation as RevocationWire,
  Selection as SelectionWire,
  Selector as SelectorWire,
  SelectorInput,
} from '#contract/admin/revocation.ts'
import type { AuditEntry } from '#domain/audit/entry.ts'
import type { Client } from '#domain/client/client.ts'
import type { Exceptions, Revocation, Selector } from '#domain/revocation/revocation.ts'
import { formatInstant, type Instant, instant, parseInstant } from '#kernel/instant.ts'
import type { Page } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'

// The wire shape is not the domain shape: renaming a field inside breaks no client.

type Wire<T extends () => z.ZodType> = z.output<ReturnType<T>>

/** A member that is left out where there is nothing to say. */
const when = <K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } =>
  value === undefined ? {} : ({ [name]: value } as { [P in K]?: T })

const time = (at: Instant | undefined): string | undefined =>
  at === undefined ? undefined : formatInstant(at)

/** Reads a time whose form the contract has checked; the calendar may still not know it. */
export function instantOf(text: string): Instant {
  return (
    parseInstant(text) ??
    refuse('request-invalid', `${text} is not a time on the calendar`, {
      next: 'give an RFC 3339 time such as 2026-11-23T19:08:00Z',
    })
  )
}

export const optionalInstant = (text: string | undefined): Instant | undefined =>
  text === undefined ? undefined : instantOf(text)

export const pageToWire = <T, W>(
  { items, nextCursor }: Page<T>,
  toWire: (item: T) => W,
): { items: W[]; nextCursor: string | null } => ({ items: items.map(toWire), nextCursor })

export const clientToWire = (client: Client): Wire<typeof ClientWire> => ({
  id: client.id,
  tier: client.tier,
  scopes: [...client.scopes],
  audiences: [...client.audiences],
  authMethods: [...client.authMethods],
  keys: client.keys.map(({ id, jwk, createdAt }) => ({
    id,
    algorithm: String(jwk['alg'] ?? jwk['crv'] ?? jwk['kty']),
    createdAt: formatInstant(createdAt),
  })),
  state: client.state,
  tags: { ...client.tags },
  createdAt: formatInstant(client.createdAt),
})

export const credentialToWire = ({
  credential,
  state,
  revocationId,
}: CredentialView): Wire<typeof CredentialWire> => ({
  id: credential.id,
  clientId: credential.clientId,
  subject: credential.subject,
  scopes: [...credential.scopes],
  audience: [...credential.audience],
  issuedAt: formatInstant(credential.issuedAt),
  expiresAt: formatInstant(credential.expiresAt),
  keyId: credential.keyId,
  sessionId: credential.sessionId,
  ...when('parentId', credential.parentId),
  state,
  ...when('revocationId', revocationId),
  createdBy: credential.createdBy,
  ...when('justification', credential.justification),
  tags: { ...credential.tags },
  ...when('lastSeenAt', time(credential.lastSeenAt)),
})

export const selectorToWire = (selector: Selector): Wire<typeof SelectorWire> => ({
  ...tokensToWire(selector.tokens ?? []),
  clients: [...(selector.clients ?? [])],
  subjects: [...(selector.subjects ?? [])],
  sessions: [...(selector.sessions ?? [])],
  scopes: [...(selector.scopes ?? [])],
  audiences: [...(selector.audiences ?? [])],
  keys: [...(selector.keys ?? [])],
  trusts: [...(selector.trusts ?? [])],
  tags: { ...selector.tags },
  ...when('issuedAfter', time(selector.issuedAfter)),
  ...when('issuedBefore', time(selector.issuedBefore)),
  ...when('all', selector.all),
})

/** A list that was drawn up in parts would be too long for one answer, as it was for one request. */
const tokensToWire = (tokens: readonly string[]): { tokens: string[]; tokenCount?: number } =>
  SELECTOR_VALUES_MAX < tokens.length
    ? { tokens: [], tokenCount: tokens.length }
    : { tokens: [...tokens] }

export const selectorFromWire = (wire: Wire<typeof SelectorInput>): Selector => ({
  tokens: wire.tokens,
  clients: wire.clients,
  subjects: wire.subjects,
  sessions: wire.sessions,
  scopes: wire.scopes,
  audiences: wire.audiences,
  keys: wire.keys,
  trusts: wire.trusts,
  tags: wire.tags,
  ...when('issuedAfter', optionalInstant(wire.issuedAfter)),
  ...when('issuedBefore', optionalInstant(wire.issuedBefore)),
  ...when('all', wire.all),
})

export const exceptionsToWire = (exceptions: Exceptions): Wire<typeof ExceptionsWire> => ({
  tokens: [...(exceptions.tokens ?? [])],
  clients: [...(exceptions.clients ?? [])],
  subjects: [...(exceptions.subjects ?? [])],
  sessions: [...(exceptions.sessions ?? [])],
})

export const matchedToWire = ({
  counted,
  credentials,
  byClient,
  byScope,
  byAudience,
}: Revocation['matched']) => ({
  ...when('counted', counted),
  credentials,
  byClient: { ...byClient },
  byScope: { ...byScope },
  byAudience: { ...byAudience },
})

export const revocationToWire = ({
  revocation,
  state,
  enforcedAt,
}: RevocationView): Wire<typeof RevocationWire> => ({
  id: revocation.id,
  position: revocation.position,
  selector: selectorToWire(revocation.selector),
  exceptions: exceptionsToWire(revocation.exceptions),
  cut: revocation.cut,
  reach: revocation.reach,
  reason: revocation.reason,
  ...when('message', revocation.message),
  graceSeconds: revocation.graceSeconds,
  blocks: revocation.blocks,
  final: revocation.final,
  publishedAt: formatInstant(revocation.publishedAt),
  ...when('enforcedAt', time(enforcedAt)),
  ...when('enforcedBy', time(revocation.enforcedBy)),
  ...when('liftedAt', time(revocation.liftedAt)),
  ...when('expiresAt', time(revocation.expiresAt)),
  state,
  matched: matchedToWire(revocation.matched),
  actor: revocation.actor,
  ...when('incidentId', revocation.incidentId),
})

export const planToWire = (plan: Plan): Wire<typeof PlanWire> => ({
  hash: plan.hash,
  position: plan.position,
  policyVersion: plan.policyVersion,
  selector: selectorToWire(plan.selector),
  exceptions: exceptionsToWire(plan.exceptions),
  reach: plan.reach,
  reason: plan.reason,
  ...when('message', plan.message),
  graceSeconds: plan.graceSeconds,
  blocks: plan.blocks,
  final: plan.final,
  ...when('expiresAt', time(plan.expiresAt)),
  ...when('incidentId', plan.incidentId),
  ...when('selectionId', plan.selectionId),
  ...when('matched', plan.matched === undefined ? undefined : matchedToWire(plan.matched)),
  phrase: plan.phrase,
  severe: plan.severe,
  warnings: [...plan.warnings],
  ...itemsToWire(plan),
})

export const itemsToWire = ({ items, itemCounts }: Items) => ({
  items: items.map((item) => ({ ...item })),
  ...when('itemCounts', itemCounts === undefined ? undefined : { ...itemCounts }),
})

export const selectionToWire = (it: SelectionView): Wire<typeof SelectionWire> => ({
  id: it.id,
  tokens: it.tokens,
  createdAt: formatInstant(it.createdAt),
  expiresAt: formatInstant(it.expiresAt),
})

/** The millisecond that contains it. */
const micros = (at: number): string => formatInstant(instant(Math.floor(at / 1000)))
/** What is certain from then on is so from the next whole millisecond. */
const microsUp = (at: number): string => formatInstant(instant(Math.ceil(at / 1000)))

export function enforcementToWire({
  revocation,
  enforcement,
}: Enforced): Wire<typeof EnforcementWire> {
  const { state, enforcedMicros, acknowledgedMs, counts } = enforcement
  const graceEndsAt =
    0 < revocation.graceSeconds
      ? instant(revocation.publishedAt + revocation.graceSeconds * 1000)
      : undefined
  return {
    revocationId: revocation.id,
    state,
    position: revocation.position,
    publishedAt: micros(enforcement.publishedMicros),
    at: micros(enforcement.nowMicros),
    certainBy: microsUp(enforcement.certainMicros),
    ...when('enforcedAt', enforcedMicros === undefined ? undefined : microsUp(enforcedMicros)),
    ...when('graceEndsAt', time(graceEndsAt)),
    verifiers: { ...counts },
    ...when('acknowledgedMs', acknowledgedMs === undefined ? undefined : { ...acknowledgedMs }),
    stragglers: enforcement.stragglers.map(({ incarnation, leaseEndsMicros, releasedMicros }) => ({
      verifierId: incarnation.verifierId,
      incarnation: incarnation.id,
      name: incarnation.name,
      leaseEndsAt: microsUp(leaseEndsMicros),
      lapsed: Math.min(leaseEndsMicros, releasedMicros ?? Infinity) <= enforcement.nowMicros,
      ...when('appliedPosition', incarnation.acknowledged?.position),
    })),
    audiences: enforcement.audiences.map(({ untilMicros, statusListMicros, ...audience }) => ({
      ...audience,
      ...when('until', untilMicros === undefined ? undefined : microsUp(untilMicros)),
      ...when(
        'statusListUntil',
        statusListMicros === undefined ? undefined : microsUp(statusListMicros),
      ),
    })),
  }
}

export const keyToWire = ({ key, liveCredentials }: KeyView): Wire<typeof KeyWire> => ({
  id: key.id,
  purpose: key.purpose,
  algorithm: key.algorithm,
  state: key.state,
  createdAt: formatInstant(key.createdAt),
  ...when('activateAfter', time(key.activateAfter)),
  ...when('retireAfter', time(key.retireAfter)),
  liveCredentials,
  publicJwk: { ...key.publicJwk },
})

export const auditToWire = (entry: AuditEntry): Wire<typeof AuditEntryWire> => ({
  id: entry.id,
  at: formatInstant(entry.at),
  actor: entry.actor,
  action: entry.action,
  target: entry.target,
  outcome: entry.outcome,
  requestId: entry.requestId,
  origin: { ...entry.origin },
  ...when('justification', entry.justification),
  ...when('policyVersion', entry.policyVersion),
  detail: { ...entry.detail },
})
