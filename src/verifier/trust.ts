import { thumbprint } from '#domain/client/thumbprint.ts'
import { parseToken } from '#domain/credential/token.ts'
import type { Position } from '#domain/feed/position.ts'
import type { KeyRecord } from '#domain/feed/record.ts'
import type { Jwk } from './protocol.ts'
import type { Rules } from './rules.ts'
import type { VerifySignature } from './signature.ts'

/** The type of a feed key's word for its successor; it keeps a head from passing for one. */
const ENDORSEMENT_TYPE = 'feed-key+jwt'
const ENDORSEMENT_CHARACTERS_MAX = 4096

/**
 * Whose heads are believed: the keys that were pinned, or taken at the first start, and those that
 * one of them has named as its successor. An entry may name one before any head has vouched for the
 * entry, since the word is signed by itself. Every record here is of a key of purpose feed.
 */
export interface Trust {
  readonly isEmpty: boolean
  adopt(keys: readonly Jwk[]): void
  find(kid: string): Jwk | undefined
  /** Takes a feed key's entry, vouched for or not: is it named by one that is trusted? */
  consider(record: KeyRecord): void
  /** Takes a feed key's entry that was vouched for: a key that has ended signs no more. */
  end(record: KeyRecord): void
  /** Where a key ended, as the entries vouched for say and those in `coming` will. */
  endOf(kid: string, coming: readonly KeyRecord[]): Position | undefined
  keys(): readonly Jwk[]
}

interface Trusted {
  readonly jwk: Jwk
  endPosition?: Position
}

export function createTrust(
  issuer: string,
  { verifySignature, rules }: { verifySignature: VerifySignature; rules: Rules },
): Trust {
  const trusted = new Map<string, Trusted>()

  const isEndorsed = ({ id, jwk, endorsement = '', position }: KeyRecord): boolean => {
    const parsed = parseToken(endorsement, ENDORSEMENT_CHARACTERS_MAX)
    if (typeof parsed === 'string') return false
    const { header, claims } = parsed
    if (header['typ'] !== ENDORSEMENT_TYPE || header['crit'] !== undefined) return false
    const by = trusted.get(String(header['kid']))
    if (by === undefined || header['alg'] !== by.jwk['alg']) return false
    if (!rules.mayVouch(by.endPosition, position)) return false
    if (claims['iss'] !== issuer || claims['kid'] !== id) return false
    const mark = thumbprint(jwk)
    return (
      mark !== undefined && claims['jkt'] === mark && verifySignature(by.jwk, parsed, endorsement)
    )
  }

  return {
    get isEmpty() {
      return trusted.size === 0
    },
    adopt(keys) {
      for (const jwk of keys) {
        const { kid } = jwk
        if (kid !== undefined && !trusted.has(kid)) trusted.set(kid, { jwk })
      }
    },
    find: (kid) => trusted.get(kid)?.jwk,
    consider(record) {
      if (trusted.has(record.id) || isEnd(record)) return
      if (isEndorsed(record)) trusted.set(record.id, { jwk: record.jwk })
    },
    end(record) {
      const known = trusted.get(record.id)
      if (known === undefined || !isEnd(record)) return
      known.endPosition ??= record.position
    },
    endOf(kid, coming) {
      const found = coming.find((one) => one.id === kid && isEnd(one))
      return trusted.get(kid)?.endPosition ?? found?.position
    },
    keys: () => [...trusted.values()].map(({ jwk }) => jwk),
  }
}

const isEnd = ({ state }: KeyRecord): boolean => state === 'retired' || state === 'revoked'
