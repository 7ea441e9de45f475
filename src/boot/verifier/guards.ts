import { askForToken, type Given, givenIn, isRefused, malformed, refusalOf } from './refusal.ts'
import type { Refusal } from './refusal.ts'
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
  const handle: AsyncMiddleware = async (request, response, next) => {
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

function answerWith(response: OutgoingResponse, { status, headers, body }: Refusal): void {
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(body)
}
