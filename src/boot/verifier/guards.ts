import { askForToken, type Given, givenIn, isRefused, malformed, refusalOf } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import { asksForMetadata, metadataAnswer, pointing } from './resource.ts'
import type {
  Accepted,
  Decision,
  FetchResponse,
  GuardOptions,
  IncomingRequest,
  Middleware,
  OutgoingResponse,
  RequestLike,
} from './types.ts'

export type Verify = (token: string, options: GuardOptions) => Promise<Decision>

/** Express, Connect and the like. What is refused is answered; `next` is called for the rest. */
export function middlewareOf(verify: Verify, options: GuardOptions): Middleware {
  const { resource } = options
  const handle: AsyncMiddleware = async (request, response, next) => {
    const { method, originalUrl, url = '' } = request
    if (
      resource !== undefined &&
      asksForMetadata(resource, { method, target: originalUrl ?? url })
    ) {
      return answerWith(response, metadataAnswer(resource))
    }
    const admitted = await admit(verify, given(request), options)
    if (!('verdict' in admitted)) return answerWith(response, admitted)
    request.credctl = admitted
    next()
  }
  return (request, response, next) => void handle(request, response, next)
}

type AsyncMiddleware = (...given: Parameters<Middleware>) => Promise<void>

/** Handlers of a `Request`. */
export async function guardOf(
  verify: Verify,
  request: RequestLike,
  options: GuardOptions,
): Promise<Accepted | FetchResponse> {
  const { resource } = options
  const target = request.url.replace(/^[^/]*\/\/[^/?]*/, '')
  if (resource !== undefined && asksForMetadata(resource, { method: request.method, target })) {
    const { status, headers, body } = metadataAnswer(resource)
    return new Response(request.method === 'HEAD' ? null : body, { status, headers })
  }
  const header = request.headers.get('authorization')
  const authorization = header === null ? [] : [header]
  const admitted = await admit(verify, givenIn({ authorization, url: request.url }), options)
  if ('verdict' in admitted) return admitted
  const { status, headers, body } = admitted
  return new Response(body, { status, headers: { ...headers } })
}

async function admit(
  verify: Verify,
  found: Given,
  options: GuardOptions,
): Promise<Accepted | Refusal> {
  const admitted = await judge(verify, found, options)
  const { resource } = options
  if ('verdict' in admitted || resource === undefined) return admitted
  const challenge = admitted.headers['www-authenticate']
  // What is malformed, or cannot be known now, no metadata helps.
  if (challenge === undefined || admitted.status === 400) return admitted
  const headers = { ...admitted.headers, 'www-authenticate': pointing(challenge, resource) }
  return { ...admitted, headers }
}

async function judge(
  verify: Verify,
  found: Given,
  options: GuardOptions,
): Promise<Accepted | Refusal> {
  if (found.kind === 'none') return askForToken
  if (found.kind === 'malformed') return malformed(found.detail)
  const decision = await verify(found.token, options)
  return isRefused(decision) ? refusalOf(decision, options) : decision
}

/** Node drops a second `Authorization` header from `headers`, so it is looked for in what came. */
function given({ url = '', headers, rawHeaders }: IncomingRequest): Given {
  const raw = (rawHeaders ?? []).filter(
    (_, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === 'authorization',
  )
  const parsed = headers['authorization']
  const plain = parsed === undefined ? [] : [parsed].flat()
  return givenIn({ authorization: 0 < raw.length ? raw : plain, url })
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

function answerWith(response: OutgoingResponse, { status, headers, body }: Answer): void {
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(body)
}
