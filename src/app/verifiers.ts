import { reading } from '#domain/feed/authority-time.ts'
import type { VerifierMode } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import { isPublished } from '#domain/keys/lifecycle.ts'
import {
  leaseEndMicros,
  type VerifierState,
  verifierStateOf,
} from '#domain/proof/verifier-state.ts'
import type { Incarnation } from '#domain/proof/proof.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { newId } from '#kernel/identifier.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { type Page, PAGE_SIZE_MAX, type PageRequest } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, VerifierRecord } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { endFollowing, feedNode } from './feed-node.ts'
import { LOCAL_VERIFIER } from './follower.ts'
import type { Memory } from './idempotency.ts'
import { record } from './record.ts'

/** One running process of a resource server, or a credential that none was ever seen with. */
export interface VerifierView {
  readonly id: string
  readonly verifierId: string
  readonly name: string
  readonly audiences: readonly string[]
  readonly mode: VerifierMode
  readonly appliedPosition?: Position
  readonly lagMs?: number
  readonly headAgeMs?: number
  /** The token keys that it is known to hold. */
  readonly keyIds: readonly string[]
  readonly leaseEndsAt?: Instant
  readonly lastSeenAt?: Instant
  readonly removedAt?: Instant
  readonly state: VerifierState
}

export interface NewVerifier {
  readonly name: string
  readonly audiences: readonly string[]
  readonly mode: VerifierMode
}

export interface CreatedVerifier {
  readonly verifier: VerifierView
  /** The secret; it is told once and kept as a keyed hash. */
  readonly credential: string
}

const SECRET_BYTES = 32

/** Makes the credential that a resource server follows the feed with. Refusal: `verifier-exists`. */
export async function createVerifier(
  deps: Deps,
  context: Context,
  request: NewVerifier,
): Promise<CreatedVerifier> {
  const deed = { action: 'verifier.create', target: '*' }
  const { made, credential } = await record<Made>(
    deps,
    context,
    deed,
    async (tx) => {
      const existing = await tx.findVerifierByName(request.name)
      if (existing !== undefined) {
        refuse('verifier-exists', `a verifier ${request.name} has a credential already`, {
          next: `credctl verifier remove ${request.name}, or choose another name`,
          facts: { verifierId: existing.id },
        })
      }
      const createdAt = deps.clock.now()
      const id = newId('ver', createdAt, deps.entropy)
      const secret = encodeBase64url(deps.entropy.bytes(SECRET_BYTES))
      const { name, mode } = request
      const audiences = [...new Set(request.audiences)]
      const secretHash = deps.signer.hashSecret(secret)
      await tx.insertVerifier({ id, name, audiences, mode, secretHash, createdAt })
      const made = { id, name, audiences, mode }
      return {
        result: { made, credential: `cvk_${id.slice('ver_'.length)}_${secret}` },
        target: `verifier:${id}`,
        detail: { name, audiences, mode },
      }
    },
    madeMemory(deps),
  )
  return { verifier: neverSeen(made), credential }
}

interface Made {
  readonly made: Pick<VerifierRecord, 'id' | 'name' | 'audiences' | 'mode'>
  readonly credential: string
}

/** A secret whose answer was lost can be told again for a day, and is sealed until then. */
const madeMemory = ({ signer }: Deps): Memory<Made> => ({
  keep: ({ made, credential }) => ({ made, sealed: signer.sealText(made.id, credential) }),
  async bring(_, kept) {
    const { made, sealed } = kept as { made: Made['made']; sealed: string }
    return { made, credential: signer.openText(made.id, sealed) }
  },
})

export interface VerifierFilter {
  readonly state?: VerifierState
  readonly name?: string
  readonly audience?: string
}

/** The staleness board, by id: every process on record, then the credentials that none is seen with. */
export async function listVerifiers(
  deps: Deps,
  filter: VerifierFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<VerifierView>> {
  const all = await board(deps)
  const wanted = all.filter(
    (view) =>
      (cursor === undefined || cursor < view.id) &&
      (filter.state === undefined || view.state === filter.state) &&
      (filter.name === undefined || view.name === filter.name) &&
      (filter.audience === undefined || view.audiences.includes(filter.audience)),
  )
  const items = wanted.slice(0, limit)
  const last = items.at(-1)
  const nextCursor = limit < wanted.length && last !== undefined ? last.id : null
  return { items, nextCursor }
}

/** By the id of a process or of a credential, or by a name that only one has. */
export async function showVerifier(deps: Deps, idOrName: string): Promise<VerifierView> {
  const all = await board(deps, { withRemoved: true })
  const exact = all.find(({ id }) => id === idOrName)
  if (exact !== undefined) return exact
  const named = all.filter((view) => view.verifierId === idOrName || view.name === idOrName)
  const [only] = named
  if (only === undefined) return refuseUnknown(idOrName)
  if (1 < named.length) {
    refuse('verifier-unknown', `${named.length} verifiers are named ${idOrName}`, {
      next: `credctl verifier list --name ${only.name}`,
      facts: { ids: named.slice(0, 20).map(({ id }) => id) },
    })
  }
  return only
}

const refuseUnknown = (idOrName: string): never =>
  refuse('verifier-unknown', `no verifier ${idOrName.slice(0, 64)} is on record`, {
    next: 'credctl verifier list',
  })

export interface RemovedVerifier {
  readonly verifier: VerifierView
  /** Until then at the latest may a process that used it still decide by a head that it was given. */
  readonly leasesEndAt?: Instant
}

/**
 * Takes a credential away: nobody is given a head by it any more. What was given stays a lease until
 * it runs out, so a proof waits for it all the same. Done twice it changes nothing.
 */
export async function removeVerifier(
  deps: Deps,
  context: Context,
  idOrName: string,
): Promise<RemovedVerifier> {
  const deed = { action: 'verifier.remove', target: `verifier:${idOrName}` }
  const id = await record<string>(deps, context, deed, async (tx) => {
    const verifier = await credentialOf(tx, idOrName)
    const isGone = verifier.removedAt !== undefined
    if (!isGone) await tx.updateVerifier({ ...verifier, removedAt: deps.clock.now() })
    return {
      result: verifier.id,
      target: `verifier:${verifier.id}`,
      detail: { name: verifier.name, alreadyRemoved: isGone },
    }
  })
  endFollowing(deps.store, { verifierId: id })
  const mine = (await board(deps, { withRemoved: true })).filter((it) => it.verifierId === id)
  const ends = mine.flatMap(({ leaseEndsAt }) => leaseEndsAt ?? [])
  const own = await deps.store.read((tx) => tx.findVerifier(id))
  const verifier = own === undefined ? refuseUnknown(id) : neverSeen(own)
  if (ends.length === 0) return { verifier }
  return { verifier, leasesEndAt: instant(Math.max(...ends)) }
}

/** By its id, its name, or the id of a process that uses it. */
async function credentialOf(tx: Reading, idOrName: string): Promise<VerifierRecord> {
  const direct = (await tx.findVerifier(idOrName)) ?? (await tx.findVerifierByName(idOrName))
  if (direct !== undefined) return direct
  const incarnation = await tx.findIncarnation(idOrName)
  if (incarnation?.verifierId === LOCAL_VERIFIER) {
    refuse('verifier-unknown', `verifier ${incarnation.name} follows without a credential`, {
      next: 'stop that process; on loopback no credential is needed, unless you serve with --behind-proxy',
    })
  }
  const used = incarnation === undefined ? undefined : await tx.findVerifier(incarnation.verifierId)
  return used ?? refuseUnknown(idOrName)
}

const neverSeen = (
  it: Pick<VerifierRecord, 'id' | 'name' | 'audiences' | 'mode' | 'removedAt'>,
): VerifierView => ({
  id: it.id,
  verifierId: it.id,
  name: it.name,
  audiences: it.audiences,
  mode: it.mode,
  keyIds: [],
  ...(it.removedAt === undefined ? {} : { removedAt: it.removedAt }),
  state: 'gone',
})

/** Everybody who is on record, by id. */
function board(
  deps: Deps,
  { withRemoved = false }: { readonly withRemoved?: boolean } = {},
): Promise<readonly VerifierView[]> {
  return deps.store.read(async (tx) => {
    const incarnations = await tx.incarnations({})
    const credentials = await allCredentials(tx)
    const byId = new Map(credentials.map((credential) => [credential.id, credential]))
    const { position, timeMicros, at } = reading(await tx.feed(), deps.clock.now() * 1000)
    const { items } = await tx.listKeys({ purpose: 'token' }, { limit: PAGE_SIZE_MAX })
    const keyIds = items.filter((key) => isPublished(key, at)).map(({ id }) => id)
    const now = { position, timeMicros, keyIds }
    const running = incarnations.map((it) => runningView(deps, it, byId.get(it.verifierId), now))
    const used = new Set(incarnations.map(({ verifierId }) => verifierId))
    const unused = credentials
      .filter(({ id, removedAt }) => !used.has(id) && (withRemoved || removedAt === undefined))
      .map(neverSeen)
    return [...running, ...unused].sort((a, b) => (a.id < b.id ? -1 : 1))
  })
}

async function allCredentials(tx: Reading): Promise<VerifierRecord[]> {
  const all: VerifierRecord[] = []
  let cursor: string | undefined
  do {
    const page = await tx.listVerifiers({ limit: PAGE_SIZE_MAX, cursor })
    all.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return all
}

interface Present {
  readonly position: Position
  readonly timeMicros: number
  readonly keyIds: readonly string[]
}

function runningView(
  { store, policy }: Deps,
  it: Incarnation,
  credential: VerifierRecord | undefined,
  { position, timeMicros, keyIds }: Present,
): VerifierView {
  const { acknowledged } = it
  const given = feedNode(store).givenMicros?.(it.id)
  const headMicros = Math.max(acknowledged?.headMicros ?? 0, given ?? 0)
  const isCertain = feedNode(store).givenMicros !== undefined
  const now = { position, timeMicros, heartbeatMs: policy.feed.heartbeatMs }
  return {
    id: it.id,
    verifierId: it.verifierId,
    name: it.name,
    audiences: it.audiences,
    mode: it.mode,
    ...(acknowledged === undefined
      ? {}
      : {
          appliedPosition: acknowledged.position,
          lagMs: millis(acknowledged.atMicros - acknowledged.headMicros),
        }),
    ...(headMicros === 0 ? {} : { headAgeMs: millis(timeMicros - headMicros) }),
    keyIds: acknowledged?.position === position ? keyIds : [],
    leaseEndsAt: instant(Math.ceil(leaseEndMicros(it, timeMicros) / 1000)),
    lastSeenAt: instant(Math.max(it.lastSeenAt, Math.floor((given ?? 0) / 1000))),
    ...(credential?.removedAt === undefined ? {} : { removedAt: credential.removedAt }),
    state: verifierStateOf(it, { headMicros, isCertain }, now),
  }
}

const millis = (micros: number): number => Math.max(0, Math.round(micros / 1000))
