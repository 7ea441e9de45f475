import { parseToken, signingInput, TOKEN_TYPE } from '#domain/credential/token.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { KeyPurpose } from '#domain/keys/key.ts'
import { refuse } from '#kernel/problem.ts'
import type { Validity } from '#verifier/authority-time.ts'
import type { SimAuthority } from './authority.ts'

/** A token that goes round in the simulation, and what is true of it. */
export interface SimToken {
  readonly n: number
  readonly text: string
  readonly validity: Validity
  /** Issued by the authority, for these verifiers. Only such tokens are counted. */
  readonly isGenuine: boolean
  /** Good in every respect but its times, which is all that it is made for. */
  readonly isTimedOnly: boolean
  /** What is the matter with it. */
  readonly about: string
}

const MICROS = 1_000_000

/** What an authority issued. */
export function genuineToken(n: number, text: string): SimToken {
  const { claims } = parsed(text)
  return {
    n,
    text,
    validity: validityOf(claims),
    isGenuine: true,
    isTimedOnly: false,
    about: 'nothing is the matter with it',
  }
}

function parsed(text: string): Exclude<ReturnType<typeof parseToken>, string> {
  const token = parseToken(text)
  return typeof token === 'string' ? refuse('internal', `not a token: ${token}`) : token
}

function validityOf(claims: Readonly<Record<string, unknown>>): Validity {
  const issued = Number(claims['iat'])
  const from = Math.max(issued, Number(claims['nbf'] ?? issued))
  return { fromMicros: from * MICROS, untilMicros: Number(claims['exp']) * MICROS }
}

interface Forgery {
  readonly about: string
  readonly isTimedOnly?: true
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: (claims: Readonly<Record<string, unknown>>) => Record<string, unknown>
  readonly signedBy?: KeyPurpose | 'nobody'
  readonly mangle?: (text: string) => string
}

const exp = (claims: Readonly<Record<string, unknown>>): number => Number(claims['exp'])

/** What an adversary, an old library or a careless operator may send. */
const forgeries: readonly Forgery[] = [
  {
    about: 'it is post-dated',
    isTimedOnly: true,
    claims: (claims) => ({ nbf: Number(claims['iat']) + 90, exp: exp(claims) + 90 }),
  },
  { about: 'it lives longer than policy allows', claims: (claims) => ({ exp: exp(claims) + 1e6 }) },
  {
    about: 'it names a feed position of the future',
    claims: (claims) => ({ feed_seq: Number(claims['feed_seq']) + 1e6 }),
  },
  { about: 'it is for another audience', claims: () => ({ aud: 'https://elsewhere.sim' }) },
  { about: 'it is of another issuer', claims: () => ({ iss: 'https://elsewhere.sim' }) },
  { about: 'it has no feed position', claims: () => ({ feed_seq: undefined }) },
  { about: 'it is signed with the key for feeds', signedBy: 'feed' },
  { about: 'it is no access token by its type', header: { typ: 'JWT' } },
  { about: 'it says that it is not signed', header: { alg: 'none' }, signedBy: 'nobody' },
  {
    about: 'its signature is of another token',
    claims: (claims) => ({ jti: `${String(claims['jti'])}x` }),
    signedBy: 'nobody',
  },
  { about: 'it is cut short', mangle: (text) => text.slice(0, -5) },
]

/** Makes the next forgery out of a token, signed with the authority's own keys where need be. */
export async function forgedToken(
  { deps }: SimAuthority,
  n: number,
  original: string,
  which: number,
): Promise<SimToken> {
  const forgery = forgeries[which % forgeries.length] as Forgery
  const token = parsed(original)
  const claims = { ...token.claims, ...forgery.claims?.(token.claims) }
  const { id, sealed } = await keyOf(deps, forgery.signedBy === 'feed' ? 'feed' : 'token')
  const header = { typ: TOKEN_TYPE, alg: 'ES256', kid: id, ...forgery.header }
  const input = signingInput(header, claims)
  const signature =
    forgery.signedBy === 'nobody'
      ? token.signature
      : deps.signer.sign(id, sealed, new TextEncoder().encode(input))
  const text = `${input}.${encodeBase64url(signature)}`
  return {
    n,
    text: forgery.mangle?.(text) ?? text,
    validity: validityOf(claims),
    isGenuine: false,
    isTimedOnly: forgery.isTimedOnly === true,
    about: forgery.about,
  }
}

const keyOf = (
  { store }: SimAuthority['deps'],
  purpose: KeyPurpose,
): Promise<{ readonly id: string; readonly sealed: Uint8Array }> =>
  store.read(async (tx) => {
    const { items } = await tx.listKeys({ purpose, states: ['active'] }, { limit: 1 })
    const id = items[0]?.id ?? refuse('internal', `there is no key of purpose ${purpose}`)
    return { id, sealed: (await tx.sealedKey(id)) ?? refuse('internal', 'it has no private half') }
  })
