import { reading } from '#domain/feed/authority-time.ts'
import type { FeedState } from '#domain/feed/entry.ts'
import type { Position } from '#domain/feed/position.ts'
import type { Incarnation } from '#domain/proof/proof.ts'
import { Problem } from '#kernel/problem.ts'
import type { Reading, StoredAcknowledgement } from '#store/port.ts'
import type { Caller, Deps } from './deps.ts'
import { endFollowing, type FeedNode, feedNode } from './feed-node.ts'
import { diverged, divergence, incarnationUnknown, verifierOf } from './follower.ts'

/** A verifier's word: it has applied this head, and nothing older decides there any more. */
export interface Acknowledgement {
  readonly incarnation: string
  readonly position: Position
  /** base64url. */
  readonly chain: string
  /** base64url. */
  readonly digest: string
  /** Of the head, microseconds of authority time. */
  readonly time: number
  /** It decides nothing any more, and holds no lease. */
  readonly released?: true | undefined
}

/** One that waits to be written. */
export interface PendingAcknowledgement {
  readonly given: Acknowledgement
  readonly verifierId: string
  readonly resolve: (position: Position) => void
  readonly reject: (reason: unknown) => void
}

/** So long acknowledgements are gathered, for one transaction and one flush of the disk. */
const GATHER_MS = 15

/**
 * Takes an acknowledgement; it is durable when this resolves. Thousands come at once after a
 * revocation, so they are written together.
 *
 * Refusals: `incarnation-unknown` (also for somebody else's, and for a head that this node does not
 * remember: a sync gives one that it does), `feed-diverged`, `token-refused`.
 */
export function acknowledgeFeed(
  deps: Deps,
  caller: Caller,
  given: Acknowledgement,
): Promise<Position> {
  const node = feedNode(deps.store)
  const { promise, resolve, reject } = Promise.withResolvers<Position>()
  const pending = { given, verifierId: verifierOf(caller), resolve, reject }
  if (node.acknowledgements === undefined) {
    node.acknowledgements = [pending]
    void gather(deps, node)
  } else {
    node.acknowledgements.push(pending)
  }
  return promise
}

async function gather(deps: Deps, node: FeedNode): Promise<void> {
  await deps.clock.sleep(GATHER_MS)
  const gathered = node.acknowledgements ?? []
  node.acknowledgements = undefined
  await writeAll(deps, gathered).then(
    (refusals) => {
      gathered.forEach(({ given, resolve, reject }, i) => {
        const refusal = refusals[i]
        if (refusal !== undefined) return reject(refusal)
        if (given.released === true) endFollowing(deps.store, { incarnation: given.incarnation })
        resolve(given.position)
      })
    },
    (reason: unknown) => {
      for (const { reject } of gathered) reject(reason)
    },
  )
}

function writeAll(
  deps: Deps,
  gathered: readonly PendingAcknowledgement[],
): Promise<readonly (Problem | undefined)[]> {
  return deps.store.write(async (tx) => {
    const state = await tx.feed()
    const { timeMicros } = reading(state, deps.clock.now() * 1000)
    const refusals: (Problem | undefined)[] = []
    const good: StoredAcknowledgement[] = []
    for (const pending of gathered) {
      const judged = await judge(deps, tx, state, pending)
      refusals.push(judged instanceof Problem ? judged : undefined)
      if (!(judged instanceof Problem)) good.push(stored(judged, timeMicros))
    }
    if (0 < good.length) await tx.acknowledge(good)
    return refusals
  })
}

const stored = (
  { incarnation, position, chain, digest, time, released }: Acknowledgement,
  atMicros: number,
): StoredAcknowledgement => ({
  incarnation,
  position,
  chain,
  digest,
  headMicros: time,
  atMicros,
  released: released === true,
})

/** Each acknowledges for itself only, and only a head that was given out as it says. */
async function judge(
  deps: Deps,
  tx: Reading,
  state: FeedState,
  { given, verifierId }: PendingAcknowledgement,
): Promise<Acknowledgement | Problem> {
  const { incarnation } = given
  const known = await tx.findIncarnation(incarnation)
  if (known === undefined || known.verifierId !== verifierId) return incarnationUnknown(incarnation)
  const parted = await divergence(tx, state, given)
  if (parted !== undefined) return diverged(deps, incarnation, parted)
  const head = feedNode(deps.store).issued.get(given.time)
  if (head === undefined) return ofUnknownHead(given, known)
  const { position, chain, digest } = head
  if (given.position === position && given.chain === chain && given.digest === digest) return given
  return diverged(deps, incarnation, `its head of ${given.time} µs is not the one issued here`)
}

/**
 * A head of another node's, or from before a restart: nobody here can say what its digest was. That
 * a verifier ends is its own word all the same, and goes with what it acknowledged last.
 */
function ofUnknownHead(
  given: Acknowledgement,
  { id, acknowledged }: Incarnation,
): Acknowledgement | Problem {
  if (given.released !== true || acknowledged === undefined) return incarnationUnknown(id)
  const { position, chain, digest, headMicros } = acknowledged
  return { incarnation: id, position, chain, digest, time: headMicros, released: true }
}
