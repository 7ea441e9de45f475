/** One way in which this system refuses. */
export interface ProblemRow {
  readonly title: string
  /** The process's exit status, as the manual documents it. */
  readonly exit: ExitStatus
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 406
    | 409
    | 410
    | 413
    | 415
    | 422
    | 429
    | 500
    | 501
    | 503
  /** Given by the command line itself; no route may declare it. */
  readonly local?: true
  /** The RFC 6749 §5.2 name, for refusals that an OAuth endpoint may give. */
  readonly oauth?: string
  /** The same request may be sent again, after a pause. */
  readonly retry?: true
}

export const exitStatuses = {
  0: 'done',
  1: 'error, a token that was not accepted, or a declined prompt',
  2: 'usage: the command line or the input is wrong',
  3: 'not found, or nothing matched',
  4: 'authentication needed',
  5: 'refused by policy',
  6: 'partly done; results per item in the output',
  7: 'accepted, but not confirmed in time',
  8: 'conflict, or the plan no longer fits',
  75: 'try again: the authority cannot be reached or is busy',
  130: 'interrupted',
} as const
export type ExitStatus = keyof typeof exitStatuses

/** Every refusal there is. HTTP, OAuth, exit status, man page and retries all read this table. */
export const problems = {
  'request-invalid': { title: 'Invalid request', exit: 2, status: 400, oauth: 'invalid_request' },
  'usage-invalid': { title: 'Usage', exit: 2, status: 400, local: true },
  'input-required': { title: 'Input required', exit: 2, status: 400, local: true },
  'confirmation-required': { title: 'Confirmation required', exit: 2, status: 400, local: true },
  'selector-empty': { title: 'Empty selector', exit: 2, status: 400 },
  'grant-unsupported': {
    title: 'Unsupported grant type',
    exit: 2,
    status: 400,
    oauth: 'unsupported_grant_type',
  },
  'token-malformed': {
    title: 'Malformed token',
    exit: 2,
    status: 400,
    oauth: 'invalid_request',
  },
  'body-too-large': { title: 'Request too large', exit: 2, status: 413 },
  'media-type-unacceptable': { title: 'Media type not acceptable', exit: 2, status: 406 },
  'media-type-unsupported': { title: 'Unsupported media type', exit: 2, status: 415 },
  'listen-refused': { title: 'Refused to listen', exit: 2, status: 400, local: true },
  'client-unknown': { title: 'No such client', exit: 3, status: 404, oauth: 'invalid_client' },
  'credential-unknown': { title: 'No such credential', exit: 3, status: 404 },
  'revocation-unknown': { title: 'No such revocation', exit: 3, status: 404 },
  'trust-unknown': { title: 'No such trust', exit: 3, status: 404 },
  'verifier-unknown': { title: 'No such verifier', exit: 3, status: 404 },
  'selection-unknown': { title: 'No such selection', exit: 3, status: 404 },
  'incarnation-unknown': { title: 'No such incarnation', exit: 3, status: 404 },
  'status-list-unknown': { title: 'No such status list', exit: 3, status: 404 },
  'history-unsupported': { title: 'No list of another time', exit: 3, status: 501 },
  'feed-compacted': { title: 'Entries are gone', exit: 3, status: 410 },
  'key-unknown': { title: 'No such key', exit: 3, status: 404 },
  'context-unknown': { title: 'No such context', exit: 3, status: 404, local: true },
  'topic-unknown': { title: 'No such help topic', exit: 3, status: 404, local: true },
  'route-unknown': { title: 'No such route', exit: 3, status: 404 },
  'method-unknown': { title: 'Method not allowed', exit: 3, status: 405 },
  'nothing-matched': { title: 'Nothing matched', exit: 3, status: 404 },
  'authentication-needed': {
    title: 'Authentication needed',
    exit: 4,
    status: 401,
    oauth: 'invalid_client',
  },
  'identity-missing': { title: 'No identity token', exit: 4, status: 401, local: true },
  'token-refused': { title: 'Token refused', exit: 4, status: 401, oauth: 'invalid_client' },
  'client-refused': {
    title: 'Client authentication failed',
    exit: 4,
    status: 401,
    oauth: 'invalid_client',
  },
  // RFC 8693 §2.2.2: whatever is wrong with a subject token makes an invalid request.
  'subject-refused': {
    title: 'Token cannot be exchanged',
    exit: 4,
    status: 400,
    oauth: 'invalid_request',
  },
  'scope-insufficient': { title: 'Insufficient scope', exit: 5, status: 403 },
  'scope-refused': { title: 'Scope refused', exit: 5, status: 403, oauth: 'invalid_scope' },
  'audience-refused': { title: 'Audience refused', exit: 5, status: 403, oauth: 'invalid_target' },
  'client-disabled': {
    title: 'Client disabled',
    exit: 5,
    status: 403,
    oauth: 'unauthorized_client',
  },
  'issuance-blocked': {
    title: 'Issuing is blocked',
    exit: 5,
    status: 403,
    oauth: 'unauthorized_client',
  },
  'trust-unsound': { title: 'Trust refused', exit: 5, status: 422 },
  'trust-unmatched': {
    title: 'No trust matches',
    exit: 5,
    status: 403,
    oauth: 'invalid_request',
  },
  'policy-denied': { title: 'Refused by policy', exit: 5, status: 403, oauth: 'invalid_scope' },
  'token-foreign': {
    title: 'Token of another client',
    exit: 5,
    status: 403,
    oauth: 'unauthorized_client',
  },
  'partly-done': { title: 'Partly done', exit: 6, status: 400, local: true },
  'not-confirmed': { title: 'Not confirmed in time', exit: 7, status: 503, local: true },
  'authority-exists': { title: 'Authority exists', exit: 8, status: 409, local: true },
  'authority-serving': { title: 'Already being served', exit: 8, status: 409, local: true },
  'context-exists': { title: 'Context exists', exit: 8, status: 409, local: true },
  'trust-exists': { title: 'Trust exists', exit: 8, status: 409 },
  'verifier-exists': { title: 'Verifier exists', exit: 8, status: 409 },
  'feed-diverged': { title: 'The feed parts from what was seen', exit: 8, status: 409 },
  'authority-restored': { title: 'An old database was put in place', exit: 8, status: 409 },
  'certificate-invalid': { title: 'Certificate does not hold', exit: 1, status: 400, local: true },
  'client-exists': { title: 'Client exists', exit: 8, status: 409 },
  'revocation-final': { title: 'Revocation is final', exit: 8, status: 409 },
  'revocation-lifted': { title: 'Revocation was lifted', exit: 8, status: 409 },
  'idempotency-conflict': { title: 'Idempotency key was used', exit: 8, status: 409 },
  'selection-gap': { title: 'The list has a gap', exit: 8, status: 409 },
  'plan-drift': { title: 'The plan no longer fits', exit: 8, status: 409 },
  'authority-missing': { title: 'No authority here', exit: 1, status: 404, local: true },
  'store-corrupt': { title: 'Database is damaged', exit: 1, status: 500 },
  'store-foreign': { title: 'Not our database', exit: 1, status: 500 },
  'store-newer': { title: 'Database is newer than this program', exit: 1, status: 500 },
  'store-denied': { title: 'Database cannot be written', exit: 1, status: 500 },
  'store-full': { title: 'No space left', exit: 75, status: 503, retry: true },
  'store-busy': { title: 'Database is busy', exit: 75, status: 503, retry: true },
  'key-locked': { title: 'Signing key cannot be opened', exit: 1, status: 500 },
  'configuration-invalid': { title: 'Configuration is damaged', exit: 1, status: 500, local: true },
  'authority-unreachable': {
    title: 'Authority unreachable',
    exit: 75,
    status: 503,
    local: true,
    retry: true,
  },
  'authority-busy': {
    title: 'Authority cannot serve this now',
    exit: 75,
    status: 503,
    local: true,
    retry: true,
  },
  'authority-stopping': { title: 'Authority is stopping', exit: 75, status: 503, retry: true },
  'clock-behind': { title: 'Clock is behind', exit: 75, status: 503, retry: true },
  'clock-stepped': { title: 'Clock was set', exit: 75, status: 503 },
  'leases-exhausted': { title: 'Too many verifiers', exit: 75, status: 429 },
  'rate-limited': {
    title: 'Too many requests',
    exit: 75,
    status: 429,
    oauth: 'slow_down',
  },
  'runner-unreachable': {
    title: 'The CI system gives no identity token',
    exit: 75,
    status: 503,
    local: true,
    retry: true,
  },
  'issuer-unreachable': { title: 'Issuer unreachable', exit: 75, status: 503, retry: true },
  'output-failed': { title: 'Output cannot be written', exit: 1, status: 500, local: true },
  'token-not-accepted': { title: 'Token not accepted', exit: 1, status: 403, local: true },
  'simulation-failed': {
    title: 'The simulation broke an invariant',
    exit: 1,
    status: 500,
    local: true,
  },
  declined: { title: 'Declined', exit: 1, status: 400, local: true },
  interrupted: { title: 'Interrupted', exit: 130, status: 400, local: true },
  internal: { title: 'Internal error', exit: 1, status: 500, oauth: 'server_error' },
} as const satisfies Record<string, ProblemRow>

export type ProblemCode = keyof typeof problems
/** The codes that a route may declare: all but those that never leave the command line. */
export type WireProblem = {
  [K in ProblemCode]: (typeof problems)[K] extends { local: true } ? never : K
}[ProblemCode]
export type Facts = Readonly<Record<string, unknown>>

/** Thrown for everything that was foreseen. `next` is the command or the step that helps. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly next: string | undefined
  readonly facts: Facts
  /** Set where the problem crossed a wire, so that the error names what the audit log names. */
  requestId: string | undefined

  constructor(
    code: ProblemCode,
    detail: string,
    { next, facts = {}, cause }: RefusalContext & { readonly cause?: unknown } = {},
  ) {
    super(detail, cause === undefined ? undefined : { cause })
    this.code = code
    this.next = next
    this.facts = facts
  }
}

export interface RefusalContext {
  /** What to run or do next, as one line. */
  readonly next?: string
  readonly facts?: Facts
}

/** Stops here. Typed `never`, so a refusal can be neither dropped nor fallen through. */
export function refuse(code: ProblemCode, detail: string, context?: RefusalContext): never {
  throw new Problem(code, detail, context)
}

/** What was foreseen passes; anything else becomes `internal` and keeps its cause for the log. */
export const toProblem = (thrown: unknown): Problem =>
  thrown instanceof Problem
    ? thrown
    : new Problem('internal', 'an unexpected failure; nothing is known to be changed', {
        cause: thrown,
      })

export const rowOf = (code: ProblemCode): ProblemRow => problems[code]

export const isProblemCode = (code: unknown): code is ProblemCode =>
  typeof code === 'string' && Object.hasOwn(problems, code)

/** The RFC 9457 object, with our members `code`, `facts`, `next` and `requestId`. */
export interface ProblemDocument {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly code: ProblemCode
  readonly facts: Facts
  readonly next?: string
  readonly requestId: string
}

/** An `internal` problem tells its reader nothing but its name; the cause is for the log. */
export function problemDocument(problem: Problem, instance: string): ProblemDocument {
  const { title, status } = rowOf(problem.code)
  return {
    type: `urn:credctl:problem:${problem.code}`,
    title,
    status,
    detail: problem.message,
    instance,
    code: problem.code,
    facts: problem.facts,
    ...(problem.next === undefined ? {} : { next: problem.next }),
    requestId: problem.requestId ?? '',
  }
}
