import type { ClientSecret } from '#domain/client/client.ts'
import type { Instant } from '#kernel/instant.ts'

/** `credctl_cs_` marks it for whoever scans for leaked secrets; the rest is 256 random bits. */
export const SECRET_PREFIX = 'credctl_cs_'
const OURS = /^credctl_cs_[A-Za-z0-9_-]{43}$/

/**
 * Whether a text has the form of the secrets that we make. Those are looked up by a fast hash, all
 * others by a slow one: what a wrong guess costs is decided by the guess, and tells nothing of the client.
 */
export const isOurSecret = (text: string): boolean => OURS.test(text)

export const isSecretValid = ({ expiresAt }: ClientSecret, now: Instant): boolean =>
  expiresAt === undefined || now < expiresAt

/** Compares in a time that does not depend on where the two differ. */
export function sameSecretBytes(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length
  for (const [i, byte] of one.entries()) difference |= byte ^ (other[i] ?? 0)
  return difference === 0
}
