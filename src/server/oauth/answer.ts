import type { OauthError } from '#contract/oauth.ts'
import { type Problem, type ProblemCode, rowOf } from '#kernel/problem.ts'

/** What an OAuth endpoint answers, before it is HTTP. */
export interface OauthAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A text is sent as it is. */
  readonly body: object | string
}

/**
 * RFC 6749 §5.2, and nothing that tells more than the code does. What it was is in the audit log under
 * the request id, which every answer carries. Only of the form itself more is said, since its sender has
 * it before him.
 */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  invalid_client: 'client authentication failed',
  invalid_grant: 'the grant is not valid',
  invalid_scope: 'the scope is not one that this client may have',
  invalid_target: 'the audience or resource is not one that this client may have',
  unauthorized_client: 'this client may not do that',
  unsupported_grant_type: 'this grant type is not supported',
  invalid_request: 'the request is not valid',
  slow_down: 'too many requests; wait as long as Retry-After says',
  temporarily_unavailable: 'this cannot be served now; try again',
  server_error: 'an unexpected failure; nothing is known to be changed',
}

/** What an OAuth endpoint is not named by in the table of problems. */
const OTHERS: Partial<Record<ProblemCode, string>> = {
  'body-too-large': 'invalid_request',
  'media-type-unsupported': 'invalid_request',
  'method-unknown': 'invalid_request',
}

export function refusalAnswer(problem: Problem): OauthAnswer {
  const error = errorOf(problem.code)
  const body: OauthError = {
    error,
    error_description: TOLD.has(problem.code)
      ? plain(problem.message)
      : (DESCRIPTIONS[error] ?? error),
    ...(problem.code === 'trust-unmatched' ? tablesOf(problem) : {}),
  }
  return { status: STATUS[error] ?? 400, headers: headersOf(error, problem), body }
}

/**
 * Whoever holds a token that its issuer signed is shown what each trust expected of it; whoever holds
 * another, what is wrong with that by itself.
 */
const tablesOf = ({
  facts: { trusts, claims },
}: Problem): Pick<OauthError, 'trusts' | 'claims'> => ({
  trusts,
  ...(claims === undefined ? {} : { claims }),
})

/** What is said in its own words: it tells its sender of little but what he sent. */
const TOLD: ReadonlySet<ProblemCode> = new Set([
  'request-invalid',
  'trust-unmatched',
  'subject-refused',
  // Whose keys cannot be had, which the sender's own token names; a trust is no secret to its issuer.
  'issuer-unreachable',
])

/** RFC 6749 §5.2 allows no others; what a caller sent may be anything. */
const plain = (text: string): string =>
  text.replaceAll('’', "'").replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')

function errorOf(code: ProblemCode): string {
  const row = rowOf(code)
  const named = row.oauth ?? OTHERS[code]
  if (named !== undefined) return named
  return row.status === 500 ? 'server_error' : 'temporarily_unavailable'
}

/** The rest are 400. A code of its own for a known client, such as 403, RFC 6749 does not have. */
const STATUS: Readonly<Record<string, number>> = {
  invalid_client: 401,
  slow_down: 429,
  server_error: 500,
  temporarily_unavailable: 503,
}

function headersOf(error: string, { facts }: Problem): Record<string, string> {
  // RFC 9110 §15.5.2: a 401 says how to authenticate, whichever way was tried.
  if (error === 'invalid_client') return { 'www-authenticate': 'Basic realm="credctl"' }
  if (error === 'slow_down')
    return { 'retry-after': String(Number(facts['retryAfterSeconds'] ?? 1)) }
  return error === 'temporarily_unavailable' ? { 'retry-after': '1' } : {}
}
