import type { Revocation, Selector } from '#domain/revocation/revocation.ts'
import type { Revocable } from '#domain/revocation/rule.ts'
import type { Instant } from '#kernel/instant.ts'

/**
 * The design's sentence about the verdict, once more, as slowly and as plainly as can be. It shares
 * no code with what it judges.
 */
export type Opinion =
  | { readonly kind: 'clear' }
  | { readonly kind: 'grace'; readonly endsAt: number; readonly by: string }
  | { readonly kind: 'revoked'; readonly by: string }

export function opinion(
  token: Revocable,
  revocations: readonly Revocation[],
  now: Instant,
): Opinion {
  const hitting = revocations.filter((one) => one.liftedAt === undefined && isHit(one, token))
  const graceEnd = (one: Revocation): number =>
    one.graceSeconds === 0 ? -Infinity : one.publishedAt + one.graceSeconds * 1000
  const over = hitting.filter((one) => graceEnd(one) <= now)
  const lasting = over.filter((one) => !one.suspends)
  if (0 < lasting.length) return { kind: 'revoked', by: oldest(lasting) }
  if (0 < over.length) return { kind: 'revoked', by: oldest(over) }
  if (hitting.length === 0) return { kind: 'clear' }
  const endsAt = Math.min(...hitting.map(graceEnd))
  return { kind: 'grace', endsAt, by: oldest(hitting.filter((one) => graceEnd(one) === endsAt)) }
}

const oldest = (list: readonly Revocation[]): string =>
  [...list].sort((a, b) => a.position - b.position)[0]?.id ?? ''

export function isHit(one: Revocation, token: Revocable): boolean {
  const spared =
    one.exceptions.tokens?.some((it) => it === token.id) ||
    one.exceptions.clients?.some((it) => it === token.clientId) ||
    one.exceptions.subjects?.some((it) => it === token.subject) ||
    one.exceptions.sessions?.some((it) => it === token.sessionId)
  if (spared) return false
  const place = one.reach === 'sessions' ? token.rootSeq : token.feedSeq
  if (one.cut !== null && !(place < one.cut)) return false
  return inDimensions(one.resolved, token) && inWindow(one, token)
}

function inDimensions(selector: Selector, token: Revocable): boolean {
  const constraints: boolean[] = []
  const among = (list: readonly string[] | undefined, carried: readonly string[]): void => {
    if (list !== undefined && 0 < list.length) {
      constraints.push(list.some((wanted) => carried.some((value) => value === wanted)))
    }
  }
  among(selector.tokens, [token.id])
  among(selector.clients, [token.clientId])
  among(selector.subjects, [token.subject])
  among(selector.sessions, [token.sessionId])
  among(selector.audiences, token.audience)
  among(selector.keys, [token.keyId])
  among(selector.trusts, token.trustId === undefined ? [] : [token.trustId])
  if (selector.scopes !== undefined && 0 < selector.scopes.length) {
    const wanted = selector.scopes.map(patternToRegExp)
    constraints.push(wanted.some((regExp) => token.scopes.some((scope) => regExp.test(scope))))
  }
  if (selector.all) constraints.push(true)
  return 0 < constraints.length && constraints.every((holds) => holds)
}

export function patternToRegExp(pattern: string): RegExp {
  if (pattern === '*') return /^[^]*$/
  const literal = pattern.replaceAll(/[.*+?^${}()|[\]\\]/g, (character) => `\\${character}`)
  return new RegExp(`^${literal.replace(/:\\\*$/, ':[^]+')}$`)
}

/** A token of second s was issued somewhere in [s, s + 1): hit if any of that is in the window. */
function inWindow(one: Revocation, token: Revocable): boolean {
  const seconds = one.reach === 'sessions' ? token.rootIssuedAtSeconds : token.issuedAtSeconds
  const { issuedAfter, issuedBefore } = one.resolved
  if (issuedAfter !== undefined && seconds * 1000 + 999 < issuedAfter) return false
  return issuedBefore === undefined || seconds * 1000 < issuedBefore
}
