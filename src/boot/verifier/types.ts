/// <reference lib="esnext.disposable" />

/**
 * Verifies access tokens of one credctl authority in a resource server, and stops accepting what the
 * authority revoked within a bound. This file is published as it stands, so it imports nothing.
 */

/** How old the newest signed head of the feed may be: 10 s, 30 s, 300 s. */
export type Mode = 'strict' | 'standard' | 'relaxed'

/** A public key as RFC 7517 has it. */
export type Jwk = Readonly<Record<string, string>>

export interface VerifierOptions {
  /** The authority's name, as it stands in its tokens (`iss`). */
  readonly issuer: string
  /** What this resource server is called in tokens (`aud`); one of several is enough. */
  readonly audience: string | readonly string[]
  /** Where the authority is reached, if not at its issuer; of several, one at a time. */
  readonly url?: string | readonly string[]
  /** A label for people: what `credctl verifier list` shows. The host name unless told. */
  readonly name?: string
  /** `standard` unless told. The authority's policy may be stricter, and then holds. */
  readonly mode?: Mode
  /** A limit of this resource's own, seconds; it only ever tightens what the authority says. */
  readonly stalenessSeconds?: number
  /** What `credctl verifier create` printed. It may be left out where the authority is on loopback. */
  readonly credential?: string
  /** Where state is kept between starts; it speeds the first fetch and keeps the trusted feed keys. */
  readonly snapshotFile?: string
  /** The only keys that may begin the trust in the feed; without them those of the first answer do. */
  readonly feedKeys?: readonly Jwk[] | { readonly keys: readonly Jwk[] }
  /** By how many seconds a token's times may be missed: 0 to 2, and 2 unless told. */
  readonly leewaySeconds?: number
  /** Certificates, in PEM, that the authority's TLS certificate is checked against instead of the system's. */
  readonly ca?: string
  /** How many tokens whose signature was good are remembered; 10,000 unless told. */
  readonly signatureCacheSize?: number
  /**
   * Follows the feed over plain HTTP from an address that is not loopback. Whoever is on the way then
   * reads the credential and may delay, never forge; so `feedKeys` must be given.
   */
  readonly allowPlainHttp?: boolean
  /** An operator must look. Without it, alarms are warnings of the process. */
  readonly onAlarm?: (alarm: Alarm) => void
  /** Aborted: the verifier closes; before the first lease, `createVerifier` rejects with its reason. */
  readonly signal?: AbortSignalLike
}

export interface Alarm {
  readonly detail: string
}

/** What is used of an `AbortSignal`. */
export interface AbortSignalLike {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/**
 * Follows an authority's feed. Resolves with the first lease, or after five seconds without one: then
 * decisions are `stale` until the authority is reached, which needs no help. Rejects where an option
 * is wrong, never because the authority is down.
 */
export declare function createVerifier(options: VerifierOptions): Promise<Verifier>

export interface Verifier {
  /**
   * Decides on a token. Never rejects for what a token is; where it cannot be known at once it waits
   * for the authority, 250 ms at most.
   */
  verify(token: string, options?: VerifyOptions): Promise<Decision>
  /**
   * Calls `listener` once, when what was accepted is accepted no longer: revoked, expired, or nobody
   * can know any more. For work that outlives its decision, such as a web socket. Answers what ends
   * the watch; it takes no notice of being called with arguments, so it can be a listener itself.
   */
  onRevoked(
    accepted: string | Decision,
    listener: (decision: Refused) => void,
    options?: WatchOptions,
  ): Watch
  /** For Express, Connect and whatever else takes `(request, response, next)`. */
  middleware(options?: GuardOptions): Middleware
  /** For handlers of a `Request`: the accepted decision, or the `Response` that refuses. */
  guard(request: RequestLike, options?: GuardOptions): Promise<Accepted | FetchResponse>
  status(): VerifierStatus
  /** Gives the lease back and decides nothing any more. What is watched is called as `stale`. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface VerifyOptions {
  /** Scopes that the token must carry, all of them. */
  readonly scopes?: readonly string[]
  /** How long ago the holder may have signed in, seconds (RFC 9470). */
  readonly maxAgeSeconds?: number
  /** Which authentication contexts will do, any of them (RFC 9470). */
  readonly acr?: readonly string[]
  /** A DPoP proof. Tokens that are bound to a key are refused (`proof-invalid`) for now, with it or without. */
  readonly proof?: { readonly jwt: string; readonly method: string; readonly url: string }
}

export interface WatchOptions {
  /** Goes on while it cannot be known whether the token is revoked. What is revoked then is told late. */
  readonly keepWhileStale?: boolean
}

/** Ends a watch. */
export interface Watch extends Disposable {
  (...ignored: readonly unknown[]): void
}

export interface GuardOptions extends Omit<VerifyOptions, 'proof'> {
  /**
   * Serves its metadata, and points to that where a token is refused (RFC 9728). Its name must be one of
   * the verifier's audiences.
   */
  readonly resource?: ProtectedResource
}

export interface ProtectedResourceOptions {
  /** What this resource server is called in tokens: an https URL. */
  readonly resource: string
  /** The issuers whose tokens it takes. */
  readonly authorizationServers: readonly string[]
  /** Scopes that clients may ask for. */
  readonly scopes?: readonly string[]
  /** For people. */
  readonly name?: string
  readonly documentation?: string
}

/** What a resource server says of itself, and where (RFC 9728). */
export interface ProtectedResource {
  /** Where clients look for it. */
  readonly url: string
  /** The same without its host. */
  readonly path: string
  readonly document: Readonly<Record<string, unknown>>
}

/** Throws where an option is wrong. */
export declare function protectedResourceMetadata(
  options: ProtectedResourceOptions,
): ProtectedResource

/** The claims of an access token (RFC 9068). */
export interface Claims {
  readonly iss: string
  readonly sub: string
  readonly aud: string | readonly string[]
  readonly client_id: string
  readonly jti: string
  readonly iat: number
  readonly exp: number
  readonly scope: string
  readonly sid: string
  readonly [name: string]: unknown
}

export type Verdict =
  | 'accepted'
  | 'revoked'
  | 'expired'
  | 'not-yet-valid'
  | 'stale'
  | 'insufficient-scope'
  | 'step-up-required'
  | 'proof-invalid'
  | 'invalid'

/**
 * Why it cannot be known: the authority was not reached yet, not lately, what the token names is not
 * known here yet, or the time is not known well enough.
 */
export type Cause = 'cold' | 'lease' | 'behind' | 'clock'

export type Reason =
  | 'compromise'
  | 'superseded'
  | 'sign-out'
  | 'privilege-withdrawn'
  | 'policy-change'
  | 'testing'
  | 'other'

interface AnyDecision {
  readonly verdict: Verdict
  /** For a log, and not for the caller. */
  readonly detail?: string
  readonly claims?: Claims
  readonly reason?: Reason
  readonly message?: string
  readonly revocationId?: string
  readonly graceSeconds?: number
  readonly cause?: Cause
  readonly retryAfterSeconds?: number
}

export interface Accepted extends AnyDecision {
  readonly verdict: 'accepted'
  readonly claims: Claims
  /** It is revoked and accepted for so long still; its holder should renew it now. */
  readonly graceSeconds?: number
}

export interface Revoked extends AnyDecision {
  readonly verdict: 'revoked'
  readonly claims: Claims
  readonly reason: Reason
  readonly revocationId: string
  /** The operator's, for the caller. */
  readonly message?: string
}

export interface Stale extends AnyDecision {
  readonly verdict: 'stale'
  readonly cause: Cause
  readonly retryAfterSeconds: number
}

export interface OtherwiseRefused extends AnyDecision {
  readonly verdict: Exclude<Verdict, 'accepted' | 'revoked' | 'stale'>
}

export type Refused = Revoked | Stale | OtherwiseRefused
export type Decision = Accepted | Refused

export interface VerifierStatus {
  readonly state: 'fresh' | 'stale' | 'closed'
  /** Of `stale`. */
  readonly cause?: Cause
  /** Of the newest applied entry of the feed; absent before the first head. */
  readonly position?: number
  /** How old the newest applied head is at most, in the authority's time. */
  readonly headAgeSeconds?: number
  /** Names this one start; `credctl verifier list` shows it. */
  readonly incarnation: string
  readonly name: string
  /** Which address of the authority is used now. */
  readonly url: string
  /** Why the authority gave no answer when it was last asked, unless it has been heard since. */
  readonly failure?: string
}

/** What is used of a request of Node's. */
export interface IncomingRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** As it was before a router took its own part away. */
  readonly originalUrl?: string | undefined
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly rawHeaders?: readonly string[]
  /** Set where the token was accepted. */
  credctl?: Accepted
}

/** What is used of a response of Node's. */
export interface OutgoingResponse {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

export type Middleware = (
  request: IncomingRequest,
  response: OutgoingResponse,
  next: (error?: unknown) => void,
) => void

/** What is used of a `Request`. */
export interface RequestLike {
  readonly method?: string
  readonly url: string
  readonly headers: { get(name: string): string | null }
}

/** The `Response` of the platform; without its types, something to hand on. */
export type FetchResponse = typeof globalThis extends { Response: { prototype: infer R } }
  ? R
  : { readonly status: number }
