import type { Position } from '#domain/feed/position.ts'
import { isSevere, planHash, planWarnings } from '#domain/revocation/plan.ts'
import type { Matched } from '#domain/revocation/revocation.ts'
import { decideTerms, type RevocationRequest, type Terms } from '#domain/revocation/revoke.ts'
import { phrase } from '#domain/revocation/selector.ts'
import type { Reading } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { type ItemResult, match, type Matching } from './matching.ts'
import { keepCount } from './planned.ts'

/** What a revocation would do, for someone to look at before it is done. */
export interface Plan extends Terms {
  readonly hash: string
  readonly position: Position
  readonly matched: Matched
  readonly phrase: string
  readonly severe: boolean
  readonly warnings: readonly string[]
  readonly items: readonly ItemResult[]
}

/** Says what a revocation would hit; nothing is recorded. Refusals as `decideTerms`. */
export function planRevocation(
  deps: Deps,
  context: Context,
  request: RevocationRequest,
): Promise<Plan> {
  return deps.store.read(async (tx) => {
    const { at: now, position } = await authorityTime(deps, tx)
    const terms = decideTerms(request, { policy: deps.policy, now })
    const matching = await match(deps, tx, terms, now)
    const hash = planHash(terms)
    keepCount(deps.store, hash, matching.count)
    return {
      ...terms,
      hash,
      position,
      matched: matching.matched,
      phrase: phrase(terms.selector),
      severe: isSevere(terms.selector, matching.matched.credentials, deps.policy),
      warnings: [
        ...(await selfWarning(tx, context, terms, matching)),
        ...planWarnings(terms),
        ...(await idleExceptions(tx, request)),
        ...sparedWarning(matching),
      ],
      items: matching.items,
    }
  })
}

/** A responder who revokes the credential in hand cannot take the next step. */
async function selfWarning(
  tx: Reading,
  { caller }: Context,
  terms: Terms,
  { exceptions }: Matching,
): Promise<string[]> {
  if (caller.credentialId === undefined) return []
  const own = await tx.findCredential(caller.credentialId)
  if (own === undefined) return []
  const { all: _, ...named } = terms.selector
  if (named.tokens !== undefined && !named.tokens.includes(own.id)) return []
  const hit = await tx.selectCredentials({
    selector: { ...named, tokens: [own.id] },
    exceptions,
    reach: terms.reach,
    expiringAfter: own.issuedAt,
    limit: 1,
  })
  return 0 < hit.length ? ['this would revoke the credential you are using'] : []
}

/** Beyond this many, whoever spares so much has a list and not a slip of the finger. */
const EXCEPTIONS_CHECKED_MAX = 100

/** A name that nobody has spares nobody, and the one who was meant dies. */
async function idleExceptions(tx: Reading, { exceptions }: RevocationRequest): Promise<string[]> {
  const warnings: string[] = []
  for (const id of (exceptions?.clients ?? []).slice(0, EXCEPTIONS_CHECKED_MAX)) {
    if ((await tx.findClient(id)) !== undefined) continue
    warnings.push(`no client ${id} is registered, so to except it spares nothing`)
  }
  for (const id of (exceptions?.tokens ?? []).slice(0, EXCEPTIONS_CHECKED_MAX)) {
    if ((await tx.findCredential(id)) !== undefined) continue
    warnings.push(`no credential ${id} is on record, so to except it spares nothing`)
  }
  return warnings
}

const sparedWarning = ({ spared }: Matching): string[] =>
  spared === 0
    ? []
    : [`${spared} matching ${spared === 1 ? 'credential is' : 'credentials are'} spared`]
