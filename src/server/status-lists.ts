import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { IssuedStatusList, StatusLists } from '#app/status-lists.ts'
import { STATUS_LIST_TYPE, STATUS_LISTS_PATH } from '#domain/status-list/status-list.ts'
import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'

/** What the status lists are served from. */
export interface StatusListOptions {
  readonly lists: StatusLists
  readonly gzip: (text: string) => Promise<Uint8Array>
  readonly now: () => Instant
  /** The path of the issuer, or empty. */
  readonly issuerPath: string
}

/** How long others may keep the list of lists. */
const LISTS_SECONDS_MAX = 60
const MEDIA_TYPE = `application/${STATUS_LIST_TYPE}`

/**
 * Mounts the status lists (draft-ietf-oauth-status-list-21 §8) and the list of them (§9). Anybody may
 * read them, from any page: a list tells of nobody who does not hold a token that names a place in it.
 */
export function mountStatusLists(app: FastifyInstance, options: StatusListOptions): void {
  const zipped = new WeakMap<IssuedStatusList, Promise<Uint8Array>>()
  const zip = (list: IssuedStatusList): Promise<Uint8Array> => {
    const known = zipped.get(list) ?? options.gzip(list.text)
    zipped.set(list, known)
    return known
  }
  const one = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    openToAll(reply)
    refuseHistory(request)
    refuseOtherTypes(request.headers.accept)
    const { id } = request.params as { readonly id: string }
    const list = await options.lists.issue(id)
    const isZipped = takesGzip(request.headers['accept-encoding'])
    const tag = `"${list.tag}${isZipped ? '.gz' : ''}"`
    const seconds = Math.max(0, Math.floor((list.expiresAt - options.now()) / 1000))
    void reply.headers({
      'cache-control': `public, max-age=${seconds}`,
      vary: 'accept, accept-encoding',
      etag: tag,
    })
    if (isKnown(request.headers['if-none-match'], tag)) return reply.status(304).send()
    void reply.type(MEDIA_TYPE)
    if (!isZipped) return reply.send(list.text)
    return reply.header('content-encoding', 'gzip').send(await zip(list))
  }
  const all = async (_: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    openToAll(reply)
    void reply.header('cache-control', `public, max-age=${LISTS_SECONDS_MAX}`)
    return reply.send({ status_lists: await options.lists.uris() })
  }
  // What a browser asks before a page may send `If-None-Match`.
  const preflight = async (_: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    openToAll(reply)
    const allowed = { 'access-control-allow-headers': 'accept, if-none-match' }
    return reply.status(204).headers(allowed).send()
  }
  for (const base of new Set(['', options.issuerPath])) {
    app.get(`${base}${STATUS_LISTS_PATH}`, all)
    app.get(`${base}${STATUS_LISTS_PATH}/:id`, one)
    app.options(`${base}${STATUS_LISTS_PATH}`, preflight)
    app.options(`${base}${STATUS_LISTS_PATH}/:id`, preflight)
  }
}

const openToAll = (reply: FastifyReply): void =>
  void reply.headers({
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'etag',
  })

/** §8.4: what a list said at another time is not kept. */
function refuseHistory({ query }: FastifyRequest): void {
  if (!Object.hasOwn(query as object, 'time')) return
  refuse('history-unsupported', 'what a status list said at another time is not kept', {
    next: 'ask without ?time=',
  })
}

function refuseOtherTypes(accept: string | undefined): void {
  if (accept === undefined || accept === '') return
  if (wanted(accept).some((range) => ['*/*', 'application/*', MEDIA_TYPE].includes(range))) return
  refuse('media-type-unacceptable', `a status list is had as ${MEDIA_TYPE} only`, {
    next: `send Accept: ${MEDIA_TYPE}`,
  })
}

const takesGzip = (header: string | string[] | undefined): boolean =>
  wanted(String(header ?? '')).some((coding) => coding === 'gzip' || coding === 'x-gzip')

/** What a header of preferences names (RFC 9110 §12.4.2), but for what it does not want at all. */
const wanted = (header: string): string[] =>
  header.split(',').flatMap((part) => {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    return parameters.some((one) => /^q=0(\.0*)?$/.test(one)) ? [] : [name]
  })

const isKnown = (header: string | undefined, tag: string): boolean =>
  (header ?? '').split(',').some((one) => ['*', tag, `W/${tag}`].includes(one.trim()))
