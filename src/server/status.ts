import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Caller, Deps } from '#app/deps.ts'
import { credentialStatus } from '#app/status.ts'
import type { CredentialStatus } from '#app/status.ts'
import { formatInstant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { addressKey, createLimiter, type Limiter } from './limiter.ts'

/** What `/status/<credential id>` needs. */
export interface StatusOptions {
  readonly deps: Deps
  readonly issuer: string
  readonly limiter: Limiter
  /** Whoever calls here, where nobody else can, as on the socket. */
  readonly caller?: Caller
}

const WINDOW_MS = 60_000
const REQUESTS_MAX = 60
const ADDRESSES_MAX = 10_000

/** An address asks this a few times, when it is denied; whoever asks more is trying ids. */
export const statusOptions = (deps: Deps, issuer: string, caller?: Caller): StatusOptions => ({
  deps,
  issuer,
  limiter: createLimiter({
    now: () => deps.clock.now(),
    windowMs: WINDOW_MS,
    requestsMax: REQUESTS_MAX,
    keysMax: ADDRESSES_MAX,
  }),
  ...(caller === undefined ? {} : { caller }),
})

/** Mounts the page of the denied: `POST` with the token itself, or either with an operator's. */
export function mountStatus(app: FastifyInstance, options: StatusOptions): void {
  app.route({
    method: ['GET', 'POST'],
    url: '/status/:id',
    handler: async (request, reply) => {
      limit(request, reply, options)
      const { id } = request.params as { readonly id: string }
      const { deps, issuer, caller } = options
      const status = await credentialStatus(deps, issuer, { id, token: tokenOf(request), caller })
      return reply.type('application/json; charset=utf-8').send(escaped(toWire(status)))
    },
  })
}

function limit(request: FastifyRequest, reply: FastifyReply, options: StatusOptions): void {
  const { limiter, caller } = options
  if (caller !== undefined) return
  const seconds = limiter.take(addressKey(request.ip))
  if (seconds === 0) return
  void reply.header('retry-after', String(seconds))
  refuse('rate-limited', 'this address asks too often', {
    next: `ask again in ${seconds} s`,
    facts: { retryAfterSeconds: seconds },
  })
}

/** In the header (RFC 6750 §2.1), or as `token` in the body, where proxies do not log it. */
function tokenOf({ headers, body }: FastifyRequest): string | undefined {
  const bearer = /^(?:Bearer|DPoP) +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  const { token } = (body ?? {}) as { readonly token?: unknown }
  return bearer ?? (typeof token === 'string' && token !== '' ? token : undefined)
}

function toWire({ publishedAt, graceEndsAt, ...status }: CredentialStatus): object {
  return {
    ...status,
    ...(publishedAt === undefined ? {} : { publishedAt: formatInstant(publishedAt) }),
    ...(graceEndsAt === undefined ? {} : { graceEndsAt: formatInstant(graceEndsAt) }),
  }
}

/** JSON that is harmless wherever it ends up, also between the tags of somebody's error page. */
const escaped = (value: object): string =>
  JSON.stringify(value).replaceAll(
    /[<>&]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  )
