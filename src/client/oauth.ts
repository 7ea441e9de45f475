import {
  type OauthFields,
  type OauthReply,
  type OauthTransport,
  type SelfRevocationResponse,
  type SelfRevocationResult,
  selfRevocationResults,
  type TokenResponse,
} from '#contract/oauth.ts'
import { Problem, type ProblemCode, refuse, type RefusalContext } from '#kernel/problem.ts'
import { type Retry, retrying } from './retry.ts'

/** What a job asks for with its identity token; what is left out is all that its trust gives. */
export interface Exchange {
  readonly idToken: string
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
  readonly ttlSeconds?: number | undefined
  /** One trust, where several of an issuer might be meant. */
  readonly trustId?: string | undefined
}

/** What a token is renewed to; what is left out is as it is in the token. */
export interface Renewal {
  readonly token: string
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
  readonly ttlSeconds?: number | undefined
}

export interface Exchanged {
  readonly token: string
  readonly expiresIn: number
  readonly scopes: readonly string[]
}

export interface SelfRevoked {
  readonly result: SelfRevocationResult
  readonly credentialId?: string
}

/** The OAuth endpoints from the other side, for whoever has no credential of his own. */
export interface Oauth {
  /** The authority's identifier: what an identity token that is meant for it names as its audience. */
  issuer(): Promise<string>
  /** RFC 8693. Refusals: `trust-unmatched`, whose facts are the claims table; `scope-refused` … */
  exchange(asked: Exchange): Promise<Exchanged>
  /** RFC 8693, by holding the token. Refusals: `subject-refused`, `client-refused`, `scope-refused` … */
  renew(asked: Renewal): Promise<Exchanged>
  /** Ends a token by holding it, however it stands. */
  revokeSelf(token: string): Promise<SelfRevoked>
}

export function connectOauth(transport: OauthTransport, retry: Retry): Oauth {
  return {
    issuer: () => retrying(retry, () => transport.issuer()),
    async exchange(asked) {
      const fields = fieldsOf(['jwt', asked.idToken], asked)
      // An identity token is good for one exchange: sent again blindly, it would be refused as used.
      return retrying(retry, async () => exchanged(await transport.post('token', fields)), isUndone)
    },
    async renew(asked) {
      const fields = fieldsOf(['access_token', asked.token], asked)
      try {
        return await retrying(retry, async () => exchanged(await transport.post('token', fields)))
      } catch (thrown) {
        // RFC 8693 §2.2.2: the form is ours, so it is the token that makes an invalid request of it.
        if (!(thrown instanceof Problem) || thrown.code !== 'request-invalid') throw thrown
        const problem = new Problem('subject-refused', thrown.message)
        problem.requestId = thrown.requestId
        throw problem
      }
    },
    async revokeSelf(token) {
      const { result, credential_id: credentialId } = await retrying(retry, async () =>
        answered<SelfRevocationResponse>(
          await transport.post('selfRevocation', [['token', token]]),
        ),
      )
      if (!selfRevocationResults.includes(result)) refuseStranger()
      return { result, ...(credentialId === undefined ? {} : { credentialId }) }
    },
  }
}

function exchanged(reply: OauthReply): Exchanged {
  const { access_token, expires_in, scope } = answered<TokenResponse>(reply)
  if (typeof access_token !== 'string') return refuseStranger()
  return { token: access_token, expiresIn: expires_in, scopes: scope.split(' ') }
}

const fieldsOf = (
  [type, subject]: readonly ['jwt' | 'access_token', string],
  { scopes, audience, ttlSeconds, trustId }: Omit<Exchange, 'idToken'>,
): OauthFields => [
  ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
  ['subject_token_type', `urn:ietf:params:oauth:token-type:${type}`],
  ['subject_token', subject],
  ...(scopes.length === 0 ? [] : ([['scope', scopes.join(' ')]] as const)),
  ...audience.map((one) => ['audience', one] as const),
  ...(ttlSeconds === undefined ? [] : ([['expires_in', String(ttlSeconds)]] as const)),
  ...(trustId === undefined ? [] : ([['trust', trustId]] as const)),
]

/** Nothing has come of it: it never got there, or the authority says that it served nothing. */
const isUndone = ({ code, facts }: Problem): boolean =>
  code === 'authority-busy' || (code === 'authority-unreachable' && facts['sent'] === false)

/** The answer's body, or the refusal that it stands for. */
function answered<T>({ status, body, requestId, retryAfterSeconds }: OauthReply): T {
  if (status === 200 && typeof body === 'object' && body !== null) return body as T
  const {
    error,
    error_description: said,
    trusts,
    claims,
  } = (body ?? {}) as Readonly<Record<string, unknown>>
  const detail = typeof said === 'string' ? said : String(error)
  const [code, more] = refusalOf(String(error), { trusts, claims, retryAfterSeconds })
  const problem = new Problem(code, code === 'policy-denied' ? DENIED : detail, more)
  problem.requestId = requestId
  throw problem
}

const DENIED = 'the client is disabled, or a revocation blocks issuing to it'
const LOOK = 'the authority’s operator finds more under the request id: credctl audit list'

/** RFC 6749 §5.2 and RFC 8693 §2.2.2 in the words of our one table. */
function refusalOf(
  error: string,
  {
    trusts,
    claims = [],
    retryAfterSeconds,
  }: { trusts: unknown; claims: unknown; retryAfterSeconds: number | undefined },
): readonly [ProblemCode, RefusalContext] {
  if (error === 'invalid_request' && Array.isArray(trusts)) {
    return ['trust-unmatched', { facts: { trusts, claims } }]
  }
  if (error === 'slow_down') {
    const next = `wait ${retryAfterSeconds ?? 1} s, then try again`
    return ['rate-limited', { next, facts: { retryAfterSeconds } }]
  }
  const code = CODES[error]
  if (code === undefined) return refuseStranger()
  return [code, { next: code === 'authority-busy' ? 'try again in a moment' : LOOK }]
}

const CODES: Readonly<Record<string, ProblemCode>> = {
  invalid_request: 'request-invalid',
  invalid_client: 'client-refused',
  invalid_scope: 'scope-refused',
  invalid_target: 'audience-refused',
  unauthorized_client: 'policy-denied',
  unsupported_grant_type: 'grant-unsupported',
  temporarily_unavailable: 'authority-busy',
  server_error: 'internal',
}

const refuseStranger = (): never =>
  refuse('authority-unreachable', 'whatever answers there, it is no authority of ours', {
    next: 'check the URL, and that `credctl serve` of this version or a later one runs there',
    facts: { sent: true },
  })
