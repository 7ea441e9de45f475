import { claimsOf, TOKEN_TYPE } from '#domain/credential/token.ts'
import type { Key } from '#domain/keys/key.ts'
import type { SimCredential } from './credentials.ts'
import type { Signatures } from './signatures.ts'
import { ISSUER } from './site.ts'
import type { TrueRevocation } from './truth.ts'

/** A token that goes round, and what is true of it. */
export interface SimToken {
  readonly n: number
  readonly text: string
  /** Issued by the authority; absent for what somebody forged. */
  readonly credential: SimCredential | undefined
  readonly fromMicros: number
  readonly untilMicros: number
  /** What is the matter with it. */
  readonly about: string
  /** The revocations that are about it, of those that were looked at so far. */
  readonly concerning: TrueRevocation[]
  looked: number
}

const MICROS = 1_000_000

export function tokenOf(
  n: number,
  credential: SimCredential,
  key: Key,
  signatures: Signatures,
): SimToken {
  return {
    n,
    text: signatures.sign(key, TOKEN_TYPE, claimsOf(credential, ISSUER)),
    credential,
    fromMicros: credential.issuedAt * 1000,
    untilMicros: credential.expiresAt * 1000,
    about: 'nothing is the matter with it',
    concerning: [],
    looked: 0,
  }
}

export interface Forgery {
  readonly about: string
  readonly claims?: (claims: Readonly<Record<string, unknown>>) => Record<string, unknown>
  readonly header?: { readonly typ?: string; readonly alg?: string; readonly kid?: string }
  /** Which key signs it; `thief` is one that the authority never had. */
  readonly by: 'token' | 'feed' | 'thief'
  readonly mangle?: (text: string) => string
  /** It names what is not known anywhere, so that a verifier has to ask. */
  readonly isPuzzle?: true
}

/** What an adversary may send, signed with the authority's own keys where it could be so. */
const forgeries: readonly Forgery[] = [
  { about: 'a key of a thief signed it', by: 'thief' },
  { about: 'the key for heads signed it', by: 'feed' },
  { about: 'it lives longer than any may', by: 'token', claims: () => ({ exp: 2 ** 40 }) },
  {
    about: 'its feed position is absurd',
    by: 'token',
    claims: () => ({ feed_seq: 2 ** 52 }),
    isPuzzle: true,
  },
  {
    about: 'it names a key that nobody has',
    by: 'thief',
    header: { kid: `key_${'z'.repeat(22)}` },
    isPuzzle: true,
  },
  { about: 'it has no feed position', by: 'token', claims: () => ({ feed_seq: undefined }) },
  { about: 'its root is missing', by: 'token', claims: () => ({ root_seq: undefined }) },
  { about: 'its root is later than itself', by: 'token', claims: rootBeyond },
  { about: 'it is for another audience', by: 'token', claims: () => ({ aud: 'https://no.sim' }) },
  { about: 'it is no access token by its type', by: 'token', header: { typ: 'JWT' } },
  { about: 'it says that it is not signed', by: 'thief', header: { alg: 'none' } },
  {
    about: 'a letter of it was changed',
    by: 'token',
    mangle: (text) => `${text.slice(0, -6)}AABAAA`,
  },
  { about: 'it is cut short', by: 'token', mangle: (text) => text.slice(0, -5) },
]

function rootBeyond(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { root_seq: Number(claims['feed_seq']) + 1 }
}

/** All of them, or those for which nobody has to ask; by number, over and over. */
export const forgeriesOf = (puzzles: boolean | 'only'): readonly Forgery[] =>
  forgeries.filter(({ isPuzzle = false }) => (puzzles === 'only' ? isPuzzle : puzzles || !isPuzzle))

export function forgedToken(
  n: number,
  forgery: Forgery,
  like: SimCredential,
  keys: Readonly<Record<Forgery['by'], Key>>,
  signatures: Signatures,
): SimToken {
  const claims: Record<string, unknown> = { ...claimsOf(like, ISSUER) }
  Object.assign(claims, forgery.claims?.(claims), { jti: `${like.id}${n}` })
  const key = keys[forgery.by]
  const { typ = TOKEN_TYPE, alg = 'ES256', kid = key.id } = forgery.header ?? {}
  const text = signatures.sign({ ...key, id: kid }, typ, claims, alg)
  return {
    n,
    text: forgery.mangle?.(text) ?? text,
    credential: undefined,
    fromMicros: like.issuedAt * 1000,
    untilMicros: Math.min(Number(claims['exp']) * MICROS, 2 ** 52),
    about: forgery.about,
    concerning: [],
    looked: 0,
  }
}
