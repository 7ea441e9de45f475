import type { Instant } from '#kernel/instant.ts'

/** Below the issuer; each list is found behind its id, and here are the URIs of all of them. */
export const STATUS_LISTS_PATH = '/oauth/status-lists'

/** A place in a status list, which one credential has and no other ever had. */
export interface StatusPlace {
  readonly list: string
  readonly index: number
}

/** The claim `status` of a referenced token (draft-ietf-oauth-status-list-21 §6). */
export interface StatusClaim {
  readonly status_list: { readonly idx: number; readonly uri: string }
}

export const statusListUri = (issuer: string, id: string): string =>
  `${issuer}${STATUS_LISTS_PATH}/${id}`

export const statusClaim = ({ list, index }: StatusPlace, issuer: string): StatusClaim => ({
  status_list: { idx: index, uri: statusListUri(issuer, list) },
})

/** `typ` of a status list (§5.1), which keeps it from passing for a token. */
export const STATUS_LIST_TYPE = 'statuslist+jwt'

export interface StatusListContent {
  readonly uri: string
  readonly issuedSeconds: number
  readonly expiresSeconds: number
  readonly bits: number
  /** base64url of the compressed bits. */
  readonly lst: string
  readonly aggregationUri: string
}

/**
 * The claims of a status list (§5.1). It names no `iss` and no `aud`: whoever took it for a token would
 * find in it nothing that a token has.
 */
export const statusListClaims = (list: StatusListContent): object => ({
  sub: list.uri,
  iat: list.issuedSeconds,
  exp: list.expiresSeconds,
  ttl: list.expiresSeconds - list.issuedSeconds,
  status_list: { bits: list.bits, lst: list.lst, aggregation_uri: list.aggregationUri },
})

/** A list as the authority knows it; what stands in it is worked out when it is asked for. */
export interface StatusList {
  /** Random, so that after a restore none is opened whose id a lost list had. */
  readonly id: string
  /** How many places it has. */
  readonly size: number
  /** From which the order follows in which its places are given out. */
  readonly seed: Uint8Array
  /** How many were asked for; from `size` on it is full. */
  readonly taken: number
  /** The latest expiry of whatever has a place in it. */
  readonly expiresAt: Instant
  /**
   * A restore has lost what was given out since the backup. All of before is revoked then, so every
   * place of it is INVALID, and none is given out any more.
   */
  readonly isAbandoned: boolean
  readonly openedAt: Instant
}
