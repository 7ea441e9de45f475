import { emptyBits, STATUS_BITS } from '#domain/status-list/bits.ts'
import {
  STATUS_LIST_TYPE,
  statusListClaims,
  STATUS_LISTS_PATH,
  statusListUri,
  type StatusList,
} from '#domain/status-list/status-list.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { fromSeconds, type Instant, toSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Deps } from './deps.ts'
import { mintingTime } from './feed.ts'
import { issueHead } from './heads.ts'
import { signJws } from './jws.ts'
import { ensureKey } from './keys.ts'
import { activeKey } from './mint.ts'
import { settleDue } from './settle.ts'
import { createStatusWalk, type ListStatuses, type StatusWalk } from './status-walk.ts'

/** Compresses as RFC 1950 has it, on a thread of its own. */
export type Deflate = (bytes: Uint8Array) => Promise<Uint8Array>

/** A status list as it is given out (draft-ietf-oauth-status-list-21 §5.1). */
export interface IssuedStatusList {
  /** A JWS of type `statuslist+jwt`. */
  readonly text: string
  /** Names this text and no other. */
  readonly tag: string
  readonly expiresAt: Instant
}

export interface StatusLists {
  /** Refusals: `status-list-unknown`, and those of a head. */
  issue(id: string): Promise<IssuedStatusList>
  /** The URIs of all that are served. */
  uris(): Promise<readonly string[]>
}

/** What all lists that are given out together say, and since when. */
interface Edition {
  /** base64url. */
  readonly chain: string
  readonly issuer: string
  readonly key: Awaited<ReturnType<typeof activeKey>>
  readonly issuedSeconds: number
  readonly untilSeconds: number
  /** From then on the next one is made, whether anything has changed or not. */
  readonly renewAt: Instant
  readonly statuses: ReadonlyMap<string, ListStatuses>
  readonly texts: Map<string, Promise<IssuedStatusList>>
}

/** Where the feed moves all the time, the lists are not made anew more often than this. */
const PAUSE_MS = 1000

/**
 * Gives out status lists. All of them are decided together, at a head of the feed, by the one verdict:
 * what is in force there is read first, then only the credentials that it may concern, a piece at a
 * time, so that a list of a million holds up nobody.
 *
 * A list says `iat`, the head's time, and whatever was published before that is in it. Until when it may
 * be used is committed with the head, before anybody is given one; so it is known of every revocation
 * when the last list without it is over.
 */
export function createStatusLists(deps: Deps, deflate: Deflate): StatusLists {
  const walk = createStatusWalk(deps)
  let last: Edition | undefined
  let making: Promise<Edition> | undefined
  let isPrepared = false

  const make = async (): Promise<Edition> => {
    if (!isPrepared) await ensureKey(deps, 'status')
    isPrepared = true
    last = await newEdition(deps, walk)
    return last
  }
  return {
    async issue(id) {
      const { list, isGood } = await deps.store.read(async (tx) => {
        const list = (await tx.findStatusList(id)) ?? refuseUnknown(id)
        const { at } = await mintingTime(deps, tx)
        const chain = encodeBase64url((await tx.feed()).chain)
        return { list, isGood: last !== undefined && stillHolds(last, chain, at) }
      })
      const edition =
        isGood && last !== undefined
          ? last
          : await (making ??= make().finally(() => {
              making = undefined
            }))
      const known = edition.texts.get(id)
      if (known !== undefined) return known
      const text = signedList(deps, deflate, edition, list)
      edition.texts.set(id, text)
      // What went wrong once is not what the next is told.
      text.catch(() => edition.texts.delete(id))
      return text
    },
    uris: () =>
      deps.store.read(async (tx) => {
        const { issuer } = (await tx.authority()) ?? refuseUnfinished()
        return (await tx.statusLists()).map(({ id }) => statusListUri(issuer, id))
      }),
  }
}

/** An edition holds while nothing was published since; or for a moment, where much is. */
function stillHolds(edition: Edition, chain: string, at: Instant): boolean {
  const { issuedSeconds, renewAt } = edition
  if (at < issuedSeconds * 1000 || renewAt <= at) return false
  return edition.chain === chain || at < issuedSeconds * 1000 + PAUSE_MS
}

const refuseUnknown = (id: string): never =>
  refuse('status-list-unknown', `no status list ${id.slice(0, 64)} is served here`, {
    next: `take its URI as the token has it; all that are served stand at ${STATUS_LISTS_PATH}`,
  })

const refuseUnfinished = (): never =>
  refuse('store-foreign', 'the database holds no authority', { next: 'credctl init' })

interface Begun extends Pick<Edition, 'issuer' | 'key' | 'issuedSeconds' | 'untilSeconds'> {
  readonly lists: readonly StatusList[]
}

async function newEdition(deps: Deps, walk: StatusWalk): Promise<Edition> {
  const { ttlSeconds } = deps.policy.statusLists
  let begun: Begun | undefined
  const { claims, positions } = await issueHead(deps, {
    withPositions: true,
    admit: async (tx) => {
      await settleDue(deps, tx)
      const { at } = await mintingTime(deps, tx)
      const untilSeconds = toSeconds(at) + ttlSeconds
      await tx.issueStatusLists(fromSeconds(untilSeconds))
      const { issuer } = (await tx.authority()) ?? refuseUnfinished()
      const lists = await tx.statusLists()
      const key = await activeKey(tx, 'status')
      begun = { issuer, key, lists, issuedSeconds: toSeconds(at), untilSeconds }
      return undefined
    },
  })
  if (begun === undefined) return refuse('internal', 'a head was given past its admission')
  const { lists, issuedSeconds, ...rest } = begun
  // NumericDate has whole seconds, so a list is decided for the end of its first: what is over within
  // it is over, and no list outlives a grace by less than can be said.
  const decidedAt = fromSeconds(issuedSeconds + 1)
  const statuses = await walk({ lists, positions: positions ?? [], decidedAt })
  const half = issuedSeconds * 1000 + ttlSeconds * 500
  const ends = [...statuses.values()].map(({ untilSeconds = Infinity }) => untilSeconds * 1000)
  return {
    ...rest,
    chain: claims.chain,
    issuedSeconds,
    renewAt: Math.min(half, ...ends) as Instant,
    statuses,
    texts: new Map(),
  }
}

async function signedList(
  deps: Deps,
  deflate: Deflate,
  edition: Edition,
  { id, size }: StatusList,
): Promise<IssuedStatusList> {
  const { issuer, issuedSeconds, statuses } = edition
  const { bytes = emptyBits(size), untilSeconds = Infinity } = statuses.get(id) ?? {}
  const expiresSeconds = Math.min(edition.untilSeconds, untilSeconds)
  const claims = statusListClaims({
    uri: statusListUri(issuer, id),
    issuedSeconds,
    expiresSeconds,
    bits: STATUS_BITS,
    lst: encodeBase64url(await deflate(bytes)),
    aggregationUri: `${issuer}${STATUS_LISTS_PATH}`,
  })
  const text = signJws(deps, edition.key, STATUS_LIST_TYPE, claims)
  const tag = text.slice(text.lastIndexOf('.') + 1, text.lastIndexOf('.') + 1 + TAG_CHARACTERS)
  return { text, tag, expiresAt: fromSeconds(expiresSeconds) }
}

/** Of a signature, which differs with every list that is signed. */
const TAG_CHARACTERS = 22
