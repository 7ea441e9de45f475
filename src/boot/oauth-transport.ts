import type { Dispatcher } from 'undici'
import { showAuthority } from '#app/authority.ts'
import type { Target } from '#cli/kit.ts'
import { connectOauth, type Oauth } from '#client/oauth.ts'
import {
  METADATA_PATH,
  type OauthFields,
  oauthPaths,
  type OauthReply,
  type OauthTransport,
} from '#contract/oauth.ts'
import { refuse } from '#kernel/problem.ts'
import { createOauthEndpoints } from '#server/oauth/endpoints.ts'
import {
  type Dispose,
  isBare,
  isPlainLoopback,
  newRequestId,
  openHere,
  purgeSome,
  remoteTarget,
  servedTarget,
} from './connect.ts'
import {
  createDispatcher,
  type HttpTarget,
  mayHaveBeenSent,
  reasonOf,
  unreachable,
} from './http-transport.ts'
import { dataDirectory, type Environment } from './paths.ts'
import { systemClock, systemEntropy } from './system.ts'

/** Nothing that these endpoints do takes longer; a job should not hang on them. */
const ANSWER_MS_MAX = 30_000

/** The OAuth endpoints of a target, without any credential of the caller's. */
export async function connectOauthTo(
  target: Target,
  env: Environment,
  { onDispose, warn }: { onDispose: Dispose; warn: (line: string) => void },
): Promise<Oauth> {
  const retry = { clock: systemClock, entropy: systemEntropy }
  return connectOauth(await transportOf(target, env, { onDispose, warn }), retry)
}

async function transportOf(
  target: Target,
  env: Environment,
  { onDispose, warn }: { onDispose: Dispose; warn: (line: string) => void },
): Promise<OauthTransport> {
  if (target.kind === 'remote') {
    const to = remoteTarget(target)
    if (isBare(to.url)) warn('tokens cross the network in the clear: the server URL is not https')
    return overHttp(to)
  }
  const directory = dataDirectory(env, target.dataDir)
  const served = await servedTarget(directory)
  return served === undefined ? inProcess(directory, env, onDispose) : overHttp(served)
}

/** The endpoints that a server serves, called as functions: the same limits, forms and answers. */
function inProcess(directory: string, env: Environment, onDispose: Dispose): OauthTransport {
  const authority = openHere(directory, env)
  const { deps } = authority
  const endpoints = createOauthEndpoints(deps, {
    endOfTick: () => new Promise((resolve) => setImmediate(resolve)),
    onFault: (fault, requestId) => authority.onFault(fault, requestId),
  })
  onDispose(async () => {
    // What could not be recorded of failures does not make the command fail that has succeeded.
    await endpoints.settle(true).catch(() => undefined)
    await purgeSome(deps, 1)
    await authority.close()
  })
  return {
    issuer: async () => (await showAuthority(deps)).issuer,
    async post(endpoint, fields) {
      const requestId = newRequestId()
      const { status, headers, body } = await endpoints.answer({
        endpoint,
        query: '',
        body: formOf(fields),
        authorizations: [],
        accept: 'application/json',
        origin: { transport: 'embedded' },
        requestId,
      })
      return { status, body, requestId, ...waitOf(headers['retry-after']) }
    },
  }
}

const formOf = (fields: OauthFields): string =>
  new URLSearchParams(fields.map(([name, value]) => [name, value])).toString()

const waitOf = (seconds: unknown): { retryAfterSeconds?: number } =>
  typeof seconds === 'string' && /^\d{1,6}$/.test(seconds)
    ? { retryAfterSeconds: Number(seconds) }
    : {}

function overHttp(target: HttpTarget): OauthTransport {
  let dispatcher: Promise<Dispatcher> | undefined
  const send = async (
    path: string,
    { form, accept }: { readonly form?: string; readonly accept: string },
  ): Promise<OauthReply> => {
    const { request } = await import('undici')
    const by = await (dispatcher ??= createDispatcher(target))
    const url = new URL(target.url)
    url.pathname = url.pathname.replace(/\/$/, '') + path
    const requestId = newRequestId()
    try {
      const { statusCode, headers, body } = await request(url, {
        dispatcher: by,
        method: form === undefined ? 'GET' : 'POST',
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
        headers: {
          accept,
          'user-agent': target.userAgent,
          'x-request-id': requestId,
          ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(form === undefined ? {} : { body: form }),
      })
      const text = await body.text()
      const wait = waitOf(headers['retry-after'])
      return { status: statusCode, body: jsonOf(text), requestId, ...wait }
    } catch (failure) {
      return unreachable(target, reasonOf(failure), { sent: mayHaveBeenSent(failure) })
    }
  }
  const accept = 'application/json'
  return {
    post: (endpoint, fields) => send(oauthPaths[endpoint], { form: formOf(fields), accept }),
    async issuer() {
      const { status, body } = await send(METADATA_PATH, { accept })
      const issuer = (body as { readonly issuer?: unknown } | null | undefined)?.issuer
      if (status !== 200 || typeof issuer !== 'string') {
        return unreachable(target, `it answered ${status}, and not as an authority of ours does`)
      }
      if (target.socketPath === undefined) mustBeThere(target, issuer)
      return issuer
    },
  }
}

/** A text that is no JSON is nobody's answer, and is told as such. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/**
 * RFC 8414 §3.3: metadata is that of the issuer it was asked for. Otherwise whoever answers here could have
 * a job ask for an identity token that is good for another authority, and take it there himself.
 */
function mustBeThere({ url }: HttpTarget, issuer: string): void {
  if (canonical(url) === canonical(issuer)) return
  // On trial on one machine, where a free port was taken: such a name is good nowhere else.
  if (isPlainLoopback(url) && isPlainLoopback(issuer)) return
  refuse(
    'usage-invalid',
    `the authority at ${canonical(url)} calls itself ${canonical(issuer)}, and an identity token for that name would be good there`,
    {
      next: `name that address with --server, or, where both are yours, --id-token-audience ${canonical(issuer)}`,
      facts: { server: canonical(url), issuer: canonical(issuer) },
    },
  )
}

const canonical = (url: string): string => {
  const parsed = URL.parse(url)
  return parsed === null ? '' : parsed.origin + parsed.pathname.replace(/\/$/, '')
}
