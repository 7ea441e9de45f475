import { thumbprint } from '#domain/client/thumbprint.ts'
import type { KeyRecord } from '#domain/feed/record.ts'
import type { Jwk } from './protocol.ts'

/** A key of tokens, as the feed tells of it. */
export interface TokenKey {
  readonly id: string
  readonly algorithm: string
  readonly state: KeyRecord['state']
  readonly jwk: Jwk
  /** By which a remembered signature is bound to the key and not to its name. */
  readonly thumbprint: string
  readonly retireAfterMs: number
}

/** The keys that tokens are signed with, by the newest entry of each. */
export interface TokenKeys {
  apply(record: KeyRecord): void
  find(kid: unknown): TokenKey | undefined
}

export function createTokenKeys(): TokenKeys {
  const keys = new Map<unknown, TokenKey>()
  return {
    apply(record) {
      if (record.purpose !== 'token') return
      const { id, algorithm, state, retireAfterMs = Infinity } = record
      const mark = thumbprint(record.jwk)
      // What no thumbprint can be taken of is no key, and verifies nothing.
      if (mark === undefined) {
        keys.delete(id)
        return
      }
      const before = keys.get(id)
      // The same object for the same key: whoever prepares keys for use keeps them by object.
      const jwk = before?.thumbprint === mark ? before.jwk : record.jwk
      keys.set(id, { id, algorithm, state, jwk, thumbprint: mark, retireAfterMs })
    },
    find: (kid) => keys.get(kid),
  }
}

/** Whether tokens are accepted by a key at a time, given its upper bound. */
export function keyVerifies(
  { state, retireAfterMs }: Pick<TokenKey, 'state' | 'retireAfterMs'>,
  upperMicros: number,
  leewayMicros: number,
): boolean {
  if (state === 'prepared' || state === 'active') return true
  return state === 'retiring' && upperMicros <= retireAfterMs * 1000 + leewayMicros
}
