import { epochOf } from '#domain/feed/position.ts'
import { Problem } from '#kernel/problem.ts'
import type { AuthorityFault, ProcessFault } from './faults.ts'
import { rotate } from './following.ts'
import { reopen } from './revoking.ts'
import type { CorePlay } from './run.ts'

const SECOND = 1_000_000

/** Puts everything that was drawn on the calendar. */
export function scheduleFaults(play: CorePlay): void {
  const { world } = play
  world.faults.processes.forEach((faults, i) => {
    for (const fault of faults) world.call(fault.atMicros, () => befall(play, i, fault))
  })
  for (const fault of world.faults.authority)
    world.call(fault.atMicros, () => happenTo(play, fault))
  const every = 10 * SECOND
  const compact = (): void => {
    compactFeed(play)
    world.call(world.heap.nowMicros + every, compact)
  }
  world.call(world.plan.startMicros + every, compact)
}

function befall({ world }: CorePlay, index: number, { kind, forMicros }: ProcessFault): void {
  const verifier = world.verifiers[index]
  const { heap, sightings } = world
  if (verifier === undefined || !verifier.isUp || heap.nowMicros < verifier.asleepUntilMicros)
    return
  sightings.see(kind)
  world.trouble(index)
  const end = heap.nowMicros + forMicros
  if (kind === 'crash') {
    verifier.crash()
    world.call(end, () => verifier.start())
    return
  }
  const { life } = verifier
  // What woke it comes before all that waited: a shell notices the gap before it does anything else.
  if (kind === 'suspend') {
    world.call(end, () => {
      if (verifier.life === life && verifier.isUp) verifier.resume(forMicros)
    })
  }
  verifier.sleep(forMicros)
  world.call(end, () => world.trouble(index))
}

function happenTo(play: CorePlay, fault: AuthorityFault): void {
  const { world } = play
  switch (fault.kind) {
    case 'crash':
      return crash(play, fault.node, fault.forMicros)
    case 'rotate':
      return rotateKey(play, fault.purpose)
    case 'steal-key':
      return stealKey(play)
    case 'back-up':
      return world.database.backUp()
    case 'restore':
      return restore(play)
    case 'compact':
      return compactFeed(play)
  }
}

function crash({ world }: CorePlay, index: number, forMicros: number): void {
  const node = world.nodes[index]
  if (node === undefined || !node.isUp) return
  world.sightings.see('node-crash')
  node.crash()
  const troubles = (): void => {
    world.trouble(undefined)
    if (!node.isUp) world.call(world.heap.nowMicros + SECOND, troubles)
  }
  troubles()
  world.call(world.heap.nowMicros + forMicros, () => {
    node.start()
    world.trouble(undefined)
  })
}

function rotateKey({ world }: CorePlay, purpose: 'token' | 'feed'): void {
  const node = world.nodes.find(({ isUp, isHalted }) => isUp && !isHalted)
  if (node === undefined) return
  world.transactions.begin(node.index, {
    run: (tx) => rotate(node.site, tx, purpose),
    done: (result) => {
      if (result instanceof Problem) return
      world.sightings.see(purpose === 'token' ? 'key-rotated' : 'feed-key-rotated')
    },
  })
}

/** A thief makes a token, and some seconds later the key is revoked. */
function stealKey({ world, clients, operators }: CorePlay): void {
  const keyId = clients.steal()
  if (keyId === undefined) return
  world.sightings.see('key-stolen')
  const request = {
    selector: { keys: [keyId] },
    reason: 'compromise' as const,
    requestId: `stolen-${keyId}`,
  }
  world.call(world.heap.nowMicros + 5 * SECOND, () => operators.revoke(request))
}

/** Entries that are not in force go; whoever stands before them takes the snapshot. */
function compactFeed({ world }: CorePlay): void {
  const { database, policy, sightings } = world
  const { entries, floor } = database.rows
  const kept = entries[entries.length - policy.feed.entriesKept]
  if (kept === undefined || kept.position <= floor) return
  sightings.see('compacted')
  database.rows.floor = kept.position
}

/** An old backup is brought back under the running nodes; they find out, and an operator adopts it. */
function restore(play: CorePlay): void {
  const { world, operators } = play
  const { database, nodes, judge, heap } = world
  const before = database.rows
  for (const node of nodes) if (node.isUp) node.crash()
  if (!database.restore()) return
  world.sightings.see('restored')
  const { position } = database.rows.feed
  world.shortened()
  judge.restored(position)
  operators.forgetAfter(position)
  world.trouble(undefined)
  for (const node of nodes) {
    node.isHalted = true
    node.start()
  }
  world.call(heap.nowMicros + 12 * SECOND, () => adopt(play, epochOf(before.feed.position)))
}

function adopt(play: CorePlay, epochAbove: number): void {
  const { world, operators } = play
  const { nodes, transactions, heap, database } = world
  world.trouble(undefined)
  const node = nodes.find(({ isUp }) => isUp)
  if (node === undefined) {
    world.call(heap.nowMicros + SECOND, () => adopt(play, epochAbove))
    return
  }
  transactions.begin(node.index, {
    run: (tx) => reopen(node.site, tx, epochAbove),
    committed: (_, order) => {
      database.keepBeside()
      for (const one of nodes) one.isHalted = false
      const id = world.adopted(order)
      if (id !== undefined) operators.watch(id)
      world.trouble(undefined)
    },
    done: (result) => {
      if (result instanceof Problem)
        world.call(heap.nowMicros + SECOND, () => adopt(play, epochAbove))
    },
  })
}
