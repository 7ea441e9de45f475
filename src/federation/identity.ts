import type { JSONWebKeySet } from 'jose'
import type { ParsedToken } from '#domain/credential/token.ts'
import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { type FetchDocument, keySetOf, verifyBy } from './jwks.ts'
import type { IdentityFinding, IdentityTokens, KeySource } from './port.ts'

/** Keys are believed for so long without asking again. */
const FRESH_MS = 600_000
/** And for so long where the issuer cannot be reached: its outage shall not stop every deploy. */
const STALE_MS_MAX = 3_600_000
/** Between two questions for a key that is not there: anybody can make up a key's name. */
const COOLDOWN_MS = 30_000
/** Issuers whose keys are kept; a trust names each, so there are few. */
const ISSUERS_MAX = 1000

interface Kept {
  readonly keys: JSONWebKeySet
  readonly fetchedAt: Instant
}

/** Identity tokens by keys that are pinned, or discovered and kept. */
export function createIdentityTokens(fetchDocument: FetchDocument): IdentityTokens {
  const kept = new Map<string, Kept>()
  const underWay = new Map<string, Promise<JSONWebKeySet>>()
  /** When a key was last asked for that was not there. */
  const missedAt = new Map<string, Instant>()

  const fetched = async (source: KeySource, now: Instant): Promise<JSONWebKeySet> => {
    const name = nameOf(source)
    // Who comes while somebody asks shares the answer: a burst of jobs is one question.
    const asking = underWay.get(name) ?? fetchKeys(source, fetchDocument)
    underWay.set(name, asking)
    try {
      const keys = await asking
      if (ISSUERS_MAX <= kept.size) kept.delete(kept.keys().next().value ?? '')
      kept.set(name, { keys, fetchedAt: now })
      return keys
    } finally {
      underWay.delete(name)
    }
  }

  const keysFor = async (source: KeySource, now: Instant): Promise<JSONWebKeySet> => {
    const known = kept.get(nameOf(source))
    if (known !== undefined && now < known.fetchedAt + FRESH_MS) return known.keys
    try {
      return await fetched(source, now)
    } catch (failure) {
      if (known !== undefined && now < known.fetchedAt + STALE_MS_MAX) return known.keys
      throw failure
    }
  }

  return {
    async verify(source, parsed, now): Promise<IdentityFinding> {
      const checked = { issuer: source.issuer, parsed, now }
      if (source.jwks !== undefined) return verifyBy(mutable(source.jwks), checked)
      const name = nameOf(source)
      const before = kept.get(name)
      const keys = await keysFor(source, now)
      const isNew = kept.get(name) !== before
      if (hasKey(keys, parsed) || isNew) return verifyBy(keys, checked)
      const missed = missedAt.get(name)
      if (missed !== undefined && now < missed + COOLDOWN_MS) return verifyBy(keys, checked)
      missedAt.set(name, now)
      return verifyBy(await fetched(source, now), checked)
    },
  }
}

/** What is fetched under other terms is kept apart. */
const nameOf = ({ issuer, jwksUri = '', allowsPrivate }: KeySource): string =>
  JSON.stringify([issuer, jwksUri, allowsPrivate])

const hasKey = ({ keys }: JSONWebKeySet, { header }: ParsedToken): boolean =>
  header['kid'] === undefined || keys.some(({ kid }) => kid === header['kid'])

const mutable = ({ keys }: NonNullable<KeySource['jwks']>): JSONWebKeySet => ({
  keys: keys.map((key) => ({ ...key })) as JSONWebKeySet['keys'],
})

async function fetchKeys(
  { issuer, jwksUri, allowsPrivate }: KeySource,
  fetchDocument: FetchDocument,
): Promise<JSONWebKeySet> {
  const careful: FetchDocument = (url) => fetchDocument(url, { onlyPublic: !allowsPrivate })
  if (jwksUri === undefined) return keySetOf(issuer, careful)
  const keys = (await careful(jwksUri)) as JSONWebKeySet | undefined
  if (Array.isArray(keys?.keys)) return keys
  return refuse('issuer-unreachable', `no key set can be had from ${jwksUri}`, {
    next: 'check the URL; an address that is private must be allowed with --allow-private',
    facts: { issuer, jwksUri },
  })
}
