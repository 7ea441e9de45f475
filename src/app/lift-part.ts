import { partCount } from '#domain/feed/parts.ts'
import type { Credential } from '#domain/credential/credential.ts'
import type { Matched, Revocation } from '#domain/revocation/revocation.ts'
import { decideReplacement, refuseNoPart } from '#domain/revocation/revoke.ts'
import { hits, type Rule, revocableOf, ruleOf } from '#domain/revocation/rule.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { newId } from '#kernel/identifier.ts'
import { formatInstant, type Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, Writing } from '#store/port.ts'
import { counter } from './counts.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { type Lifted, liftWhole } from './lift.ts'
import { limitsOf, put } from './publish.ts'
import { within } from './reader.ts'
import { auditEntry, type Done, record } from './record.ts'
import { memoryById, provenOf, revocationOf } from './revocations.ts'
import { settleDue } from './settle.ts'
import { ruleIndex } from './states.ts'
import { walkCredentials } from './walk-credentials.ts'

/** What became of one token that was to be given back. */
export interface PartItem {
  /** `token:<id>`. */
  readonly target: string
  readonly result: 'revived' | 'not-revoked-by-it' | 'still-revoked' | 'not-found'
  readonly detail?: string
}

export interface PartLifted extends Lifted {
  /** What is in force instead. */
  readonly replacement: Revocation
  readonly items: readonly PartItem[]
}

export interface PartRequest {
  readonly tokens: readonly string[]
  readonly justification: string | undefined
}

/**
 * Gives some tokens back, with the sessions that they belong to, and of the rest changes nothing: in
 * one transaction the revocation is lifted and published anew with them spared, so that a verifier
 * applies both under one head. Refusals: `revocation-unknown`, `revocation-lifted`,
 * `revocation-final`, and `nothing-matched` where it hits none of them.
 */
export function liftPart(
  deps: Deps,
  context: Context,
  id: string,
  { tokens, justification }: PartRequest,
): Promise<PartLifted> {
  const deed = { action: 'revocation.lift', target: `revocation:${id}` }
  const work = async (tx: Writing): Promise<Done<PartLifted>> => {
    await settleDue(deps, tx)
    const before = await revocationOf(tx, id)
    refuseNoPart(before)
    const { at: now } = await authorityTime(deps, tx)
    const chosen = await choose(tx, ruleOf(before), new Set(tokens), now)
    const spared = sparedOf(chosen)
    if (spared.tokens.length === 0) refuseNone(id, chosen)
    const { revocation, liftedAt } = await liftWhole(deps, tx, before)
    const given = await sessionsHit(tx, ruleOf(before), spared.sessions, now)
    const replacement = await replace(deps, context, tx, { before, spared, given })
    const { items, revived } = await outcome(deps, tx, { chosen, given, before, now: liftedAt })
    return {
      result: { revocation, alreadyLifted: false, revived, replacement, items },
      justification,
      detail: {
        replacement: replacement.id,
        tokens: spared.tokens.slice(0, TOKENS_NOTED_MAX),
        tokensTotal: spared.tokens.length,
        credentials: revived.credentials,
      },
    }
  }
  return record(deps, context, deed, work, memoryById())
}

/** An audit entry names at most this many tokens; the revocation's record has all. */
const TOKENS_NOTED_MAX = 20

/** A token that was named: its credential, where the revocation hits it, or why it is left alone. */
type Chosen =
  | { readonly target: string; readonly credential: Credential }
  | (PartItem & { readonly credential?: undefined })

async function choose(
  tx: Reading,
  rule: Rule,
  tokens: ReadonlySet<string>,
  now: Instant,
): Promise<Chosen[]> {
  const chosen: Chosen[] = []
  for (const id of tokens) {
    const target = `token:${id}`
    const credential = await tx.findCredential(id)
    if (credential === undefined) {
      chosen.push({ target, result: 'not-found', detail: 'no such credential is on record' })
    } else if (credential.expiresAt <= now) {
      const detail = `it expired at ${formatInstant(credential.expiresAt)}`
      chosen.push({ target, result: 'not-revoked-by-it', detail })
    } else if (hits(rule, revocableOf(credential))) chosen.push({ target, credential })
    else chosen.push({ target, result: 'not-revoked-by-it' })
  }
  return chosen
}

interface Spared {
  readonly tokens: readonly string[]
  readonly sessions: readonly string[]
}

/** Sparing a token spares its session. */
function sparedOf(chosen: readonly Chosen[]): Spared {
  const credentials = chosen.flatMap(({ credential }) => credential ?? [])
  return {
    tokens: credentials.map(({ id }) => id),
    sessions: [...new Set(credentials.map(({ sessionId }) => sessionId))],
  }
}

const refuseNone = (id: string, items: readonly Chosen[]): never =>
  refuse('nothing-matched', `${id} hits none of these tokens, so nothing was changed`, {
    next: `credctl revocation show ${id}`,
    facts: { items },
  })

/** So few sessions at a time are looked up one by one; for more, everything alive would be walked over. */
const SESSIONS_MAX = 8

/** The live credentials of these sessions that a rule hits. */
async function sessionsHit(
  tx: Reading,
  rule: Rule,
  sessions: readonly string[],
  now: Instant,
): Promise<Credential[]> {
  const found: Credential[] = []
  for (let from = 0; from < sessions.length; from += SESSIONS_MAX) {
    const selector = { sessions: sessions.slice(from, from + SESSIONS_MAX) }
    const selection = { selector, exceptions: {}, reach: rule.reach, expiringAfter: now }
    await walkCredentials(within(tx), selection, (chunk) => {
      for (const one of chunk) if (hits(rule, revocableOf(one))) found.push(one)
    })
  }
  return found
}

interface Replacing {
  readonly before: Revocation
  readonly spared: Spared
  /** What it hits no more. */
  readonly given: readonly Credential[]
}

async function replace(
  deps: Deps,
  context: Context,
  tx: Writing,
  { before, spared, given }: Replacing,
): Promise<Revocation> {
  const salt = deps.entropy.bytes(16)
  const id = newId('rev', deps.clock.now(), deps.entropy)
  const { coverage } = provenOf(deps, before)
  const less = counter()
  for (const one of given) less.add(one)
  const replacement = await put(deps, tx, {
    context,
    limits: await limitsOf(deps, tx),
    parts: partCount(before.resolved.tokens),
    salt,
    decide: ({ position, timeMicros }) =>
      decideReplacement(before, {
        id,
        position,
        actor: context.caller.actor,
        recordSalt: encodeBase64url(salt),
        matched: minus(before.matched, less.totals()),
        ...(coverage === undefined
          ? {}
          : { coverage: { ...coverage, publishedMicros: timeMicros } }),
        spared,
      }),
  })
  const deed = { action: 'revocation.create', target: `revocation:${id}` }
  const detail = { replaces: before.id, position: replacement.position, reason: before.reason }
  await tx.appendAudit(auditEntry(deps, context, deed, 'ok', { detail }))
  return replacement
}

/** What was counted when it was published, less what it hits no more; nothing falls below zero. */
function minus(all: Matched, less: Matched): Matched {
  const without = (from: Matched['byClient'], taken: Matched['byClient']): Matched['byClient'] =>
    Object.fromEntries(
      Object.entries(from)
        .map(([name, count]) => [name, count - (taken[name] ?? 0)] as const)
        .filter(([, count]) => 0 < count),
    )
  return {
    ...all,
    credentials: Math.max(0, all.credentials - less.credentials),
    byClient: without(all.byClient, less.byClient),
    byScope: without(all.byScope, less.byScope),
    byAudience: without(all.byAudience, less.byAudience),
  }
}

interface Outcome {
  readonly chosen: readonly Chosen[]
  readonly given: readonly Credential[]
  readonly before: Revocation
  readonly now: Instant
}

/** What of it is accepted again, now that both entries are written: what nothing else matches. */
async function outcome(
  deps: Deps,
  tx: Reading,
  { chosen, given, before, now }: Outcome,
): Promise<{ readonly items: PartItem[]; readonly revived: Matched }> {
  const index = await ruleIndex(deps.store, tx)
  const revived = counter()
  // In its grace it had not taken anything yet, so there is nothing to count as given back.
  const hadTaken = ruleOf(before).graceEndsAt <= now
  for (const one of given) {
    const isAlive = index.verdict(revocableOf(one), now).kind !== 'revoked'
    if (hadTaken && isAlive) revived.add(one)
  }
  const items = chosen.map((one): PartItem => {
    if (one.credential === undefined) return one
    const found = index.verdict(revocableOf(one.credential), now)
    return found.kind === 'revoked'
      ? { target: one.target, result: 'still-revoked', detail: `by ${found.by.id}` }
      : { target: one.target, result: 'revived' }
  })
  return { items, revived: revived.totals() }
}
