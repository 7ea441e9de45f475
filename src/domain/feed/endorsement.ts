import { thumbprint } from '#domain/client/thumbprint.ts'
import type { Key } from '#domain/keys/key.ts'
import { refuse } from '#kernel/problem.ts'

/** The media type of a feed key's word for its successor; it keeps a head from passing for one. */
export const ENDORSEMENT_TYPE = 'feed-key+jwt'

/** What the key that signed heads says of the one that will: its name, and the RFC 7638 thumbprint. */
export interface EndorsementClaims {
  readonly iss: string
  readonly kid: string
  readonly jkt: string
}

export const endorsementClaims = (iss: string, { id, publicJwk }: Key): EndorsementClaims => ({
  iss,
  kid: id,
  jkt: thumbprint(publicJwk) ?? refuse('internal', `key ${id} has no thumbprint`),
})
