import type { ClientKey, ClientSecret } from '#domain/client/client.ts'
import { thumbprint } from '#domain/client/thumbprint.ts'
import { algorithmsOf } from '#domain/oauth/assertion.ts'
import { isOurSecret, SECRET_PREFIX } from '#domain/oauth/secret.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Deps } from './deps.ts'

/** A client signs with no more keys than this at a time. */
export const CLIENT_KEYS_MAX = 8
const SECRET_BYTES = 32
const SALT_BYTES = 16
/** Characters of a modulus of 2048 bits in base64url. */
const RSA_CHARACTERS_MIN = 342

/** `credctl_cs_` marks it for whoever scans for leaked secrets; the rest is 256 random bits. */
export const makeSecret = ({ entropy }: Pick<Deps, 'entropy'>): string =>
  `${SECRET_PREFIX}${encodeBase64url(entropy.bytes(SECRET_BYTES))}`

/** What is kept of a secret: a keyed hash of one of our form, which is random; else a slow one. */
export function hashedSecret(
  { signer, entropy }: Pick<Deps, 'signer' | 'entropy'>,
  clientId: string,
  secret: string,
  now: Instant,
): ClientSecret {
  if (isOurSecret(secret)) {
    const hash = signer.hashSecret(secret)
    return { clientId, method: 'hmac-sha256', hash, salt: new Uint8Array(0), createdAt: now }
  }
  const salt = entropy.bytes(SALT_BYTES)
  const hash = signer.hashImportedSecret(secret, salt)
  return { clientId, method: 'scrypt', hash, salt, createdAt: now }
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Takes a public JWK; a private one is refused before it is stored or logged anywhere. */
export function clientKey(jwk: Readonly<Record<string, unknown>>, now: Instant): ClientKey {
  const secret = PRIVATE_MEMBERS.filter((member) => member in jwk)
  if (0 < secret.length) {
    refuse('request-invalid', 'that is a private key; register only its public half', {
      next: 'remove the private members, and consider the key exposed if others saw the file',
    })
  }
  const id = thumbprint(jwk)
  if (id === undefined) {
    return refuse('request-invalid', 'that is not a public JWK of type EC, RSA or OKP', {
      next: 'give the key as a JWK in JSON (RFC 7517), or as PEM',
    })
  }
  const { kty, n = '' } = jwk
  const isShort = kty === 'RSA' && String(n).length < RSA_CHARACTERS_MIN
  if (algorithmsOf(jwk).length === 0 || isShort) {
    refuse('request-invalid', 'that key signs in no way that is taken here', {
      next: 'make one for signatures: P-256 (ES256), RSA of 2048 bits or more (RS256), or Ed25519',
    })
  }
  return { id, jwk, createdAt: now }
}
