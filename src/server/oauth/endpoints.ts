import type { Deps } from '#app/deps.ts'
import { createOauthCore, type OauthCore } from '#app/oauth/core.ts'
import type { OauthRequest } from '#app/oauth/grants.ts'
import { introspectToken } from '#app/oauth/introspect.ts'
import { revokeHeld, revokeToken } from '#app/oauth/revoke.ts'
import { grantToken } from '#app/oauth/token.ts'
import {
  INTROSPECTION_JWT,
  type OauthEndpoint,
  type SelfRevocationResponse,
  type TokenResponse,
} from '#contract/oauth.ts'
import type { Origin } from '#domain/audit/entry.ts'
import { type Form, readForm } from '#domain/oauth/form.ts'
import { type Presented, readPresented } from '#domain/oauth/presented.ts'
import { Problem, refuse, toProblem } from '#kernel/problem.ts'
import { addressKey } from '#server/limiter.ts'
import { createRateLimit } from '#server/rate-limit.ts'
import { type OauthAnswer, refusalAnswer } from './answer.ts'

/** A request to an OAuth endpoint, as plain values. */
export interface OauthCall {
  readonly endpoint: OauthEndpoint
  /** What stands behind `?` in the URI. */
  readonly query: string
  /** The form as it came. */
  readonly body: string
  /** Every `Authorization` header there is. */
  readonly authorizations: readonly string[]
  readonly accept: string
  readonly origin: Origin
  readonly requestId: string
}

export interface OauthEndpoints {
  answer(call: OauthCall): Promise<OauthAnswer>
  /** Puts on record what was counted and is over; all of it where the authority stops. */
  settle(isLast?: boolean): Promise<void>
}

export interface EndpointOptions {
  /** Resolves when whatever came in together has been handed over. */
  readonly endOfTick: () => Promise<void>
  readonly onFault: (fault: unknown, requestId: string) => void
}

/**
 * The OAuth endpoints as functions of plain values: limits first, then the form, then the use case, then
 * an answer that says no more than its code.
 */
export function createOauthEndpoints(deps: Deps, options: EndpointOptions): OauthEndpoints {
  const { issue, oauth } = deps.policy.limits
  const perClient = createRateLimit(issue.perClient, deps.clock)
  const perAddress = createRateLimit(oauth.perAddress, deps.clock)
  const failures = createRateLimit(oauth.failuresPerAddress, deps.clock)
  const core = createOauthCore(deps, {
    endOfTick: options.endOfTick,
    clientLimit: (clientId) => perClient.take(clientId),
  })

  const refused = async (call: OauthCall, thrown: unknown): Promise<OauthAnswer> => {
    const problem = toProblem(thrown)
    if (problem.code === 'internal') options.onFault(thrown, call.requestId)
    if (problem.code === 'client-refused') failures.take(addressOf(call))
    if (isOfNobody(problem, call)) {
      const { origin, requestId } = call
      await core.failures.note({ problem, clientId: claimedId(call), origin, requestId })
    }
    return refusalAnswer(problem)
  }
  const served = (call: OauthCall): Promise<OauthAnswer> => {
    const address = addressOf(call)
    const retryAfterSeconds = Math.max(perAddress.take(address), failures.wait(address))
    if (0 < retryAfterSeconds) refuseHurry(retryAfterSeconds)
    return handlers[call.endpoint](core, requestOf(call), call)
  }
  return {
    async answer(call) {
      try {
        return await served(call)
      } catch (thrown) {
        return refused(call, thrown).catch((failure: unknown) => refusalAnswer(toProblem(failure)))
      }
    },
    settle: (isLast) => core.failures.settle(isLast),
  }
}

/** What is on no record yet, since nobody had authenticated. */
const isOfNobody = ({ code, facts }: Problem, call: OauthCall): boolean =>
  code === 'client-refused' ||
  code === 'rate-limited' ||
  // A token that its issuer has signed is on record with its whole table.
  (code === 'trust-unmatched' && facts['claims'] !== undefined) ||
  (code === 'subject-refused' && presentedIn(call)?.kind === 'none')

/** On a socket of this machine there are no addresses. */
const addressOf = ({ origin }: OauthCall): string =>
  origin.ip === undefined ? origin.transport : addressKey(origin.ip)

const refuseHurry = (retryAfterSeconds: number): never =>
  refuse('rate-limited', 'this address asks too often', { facts: { retryAfterSeconds } })

/** RFC 6749 §2.3.1, §3.2: parameters stand in the body, where nobody logs them, and nowhere else. */
function requestOf(call: OauthCall): OauthRequest {
  if (call.query !== '') refuse('request-invalid', 'parameters belong into the body')
  const [authorization, ...more] = call.authorizations
  if (0 < more.length) refuse('request-invalid', 'there is more than one Authorization header')
  const form = formOf(call)
  const presented = readPresented(form, authorization)
  return { form, presented, origin: call.origin, requestId: call.requestId }
}

function formOf({ body }: OauthCall): Form {
  const form = readForm(body)
  return typeof form === 'string' ? refuse('request-invalid', form) : form
}

/** As the caller calls itself, for the record of its failure. */
const claimedId = (call: OauthCall): string | undefined => presentedIn(call)?.clientId

function presentedIn(call: OauthCall): Presented | undefined {
  try {
    return requestOf(call).presented
  } catch (thrown) {
    if (thrown instanceof Problem) return undefined
    throw thrown
  }
}

type Handler = (core: OauthCore, request: OauthRequest, call: OauthCall) => Promise<OauthAnswer>

const handlers: Readonly<Record<OauthEndpoint, Handler>> = {
  async token(core, request) {
    const { token, ttlSeconds, scopes, members } = await grantToken(core, request)
    const body: TokenResponse = {
      access_token: token,
      token_type: 'Bearer',
      expires_in: ttlSeconds,
      scope: scopes.join(' '),
      ...members,
    }
    return { status: 200, headers: {}, body }
  },
  async revocation(core, request) {
    await revokeToken(core, request)
    return { status: 200, headers: {}, body: '' }
  },
  async selfRevocation(core, request) {
    const { result, credentialId } = await revokeHeld(core, request)
    const body: SelfRevocationResponse = {
      result,
      ...(credentialId === undefined ? {} : { credential_id: credentialId }),
    }
    return { status: 200, headers: {}, body }
  },
  async introspection(core, request, { accept }) {
    const { introspected, sign } = await introspectToken(core, request)
    if (!accepts(accept)) return { status: 200, headers: {}, body: introspected }
    return { status: 200, headers: { 'content-type': JWT_TYPE }, body: await sign() }
  },
}

const JWT_TYPE = `application/${INTROSPECTION_JWT}`

/** Whether it is asked for by its own name; a `*` asks for no signature. */
const accepts = (accept: string): boolean =>
  accept.split(',').some((range) => range.split(';')[0]?.trim().toLowerCase() === JWT_TYPE)
