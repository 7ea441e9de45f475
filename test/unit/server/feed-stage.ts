import type { Position } from '#domain/feed/position.ts'
import { ORIGIN } from '#domain/feed/position.ts'
import type { HeadClaims } from '#domain/feed/head.ts'
import { createFeedHub, type FeedHub, type FeedSink, type Listener } from '#server/feed-stream.ts'
import { claimsOf, follower, question } from '../app/feed-world.ts'
import { createWorld, type TestWorld } from '../world.ts'

export const LOCAL_VERIFIER = follower('local')

/** A socket that takes what it is given at once, or only when it is told to. */
export class TestSink implements FeedSink {
  text = ''
  writes = 0
  state: 'open' | 'ended' | 'destroyed' = 'open'
  backlog = 0
  isSlow = false
  #waiting: ((isOpen: boolean) => void)[] = []

  write(bytes: Uint8Array): void {
    if (this.state !== 'open') return
    this.writes++
    this.text += new TextDecoder().decode(bytes)
    if (this.isSlow) this.backlog += bytes.length
  }

  backlogBytes = (): number => this.backlog

  drained = (): Promise<boolean> =>
    this.isSlow && this.state === 'open'
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(this.state === 'open')

  /** It has taken all that it was given. */
  drain(): void {
    this.isSlow = false
    this.backlog = 0
    for (const tell of this.#waiting.splice(0)) tell(this.state === 'open')
  }

  end(): void {
    this.state = 'ended'
    this.drain()
  }

  destroy(): void {
    this.state = 'destroyed'
    this.drain()
  }

  events(): { event: string; id: number; data: string }[] {
    return this.text
      .split('\n\n')
      .filter((part) => part !== '')
      .map((part) => ({
        event: /event: (\w+)/.exec(part)?.[1] ?? '',
        id: Number(/id: (\d+)/.exec(part)?.[1]),
        data: /data: (.*)/.exec(part)?.[1] ?? '',
      }))
  }

  entries = () => this.events().filter(({ event }) => event === 'entry')
  heads = (): HeadClaims[] =>
    this.events()
      .filter(({ event }) => event === 'head')
      .map(({ data }) => claimsOf(data))
}

export const logOf = async (world: TestWorld, after: number = ORIGIN) =>
  (await world.store.read((tx) => tx.feedEntries(after, 10_000))).map(({ position, bytes }) => ({
    event: 'entry',
    id: position as number,
    data: new TextDecoder().decode(bytes),
  }))

/** Microtasks: all of this store's work settles in them. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}
export const settled = () => turns(3000)

interface Stage {
  readonly world: TestWorld
  readonly hub: FeedHub
  readonly faults: unknown[]
  /** How often all that were live were told a head. */
  readonly told: () => number
  readonly join: (
    id: string,
    after?: number,
    isSlow?: boolean,
  ) => Promise<{ readonly listener: Listener; readonly sink: TestSink }>
}

export async function stage(): Promise<Stage> {
  const world = await createWorld()
  const faults: unknown[] = []
  let told = 0
  const hub = createFeedHub(world.deps, {
    onFault: (fault) => faults.push(fault),
    onTold: () => (told += 1),
  })
  await world.admin.createClient({ id: 'a', scopes: ['read'] })
  const known = new Set<string>()
  return {
    world,
    hub,
    faults,
    told: () => told,
    async join(id, after, isSlow = false) {
      const incarnation = id.padEnd(22, '-')
      if (!known.has(id)) await world.as(LOCAL_VERIFIER).syncFeed(question(incarnation))
      known.add(id)
      const from = after === undefined ? {} : { after: after as Position }
      const listener = await hub.admit(LOCAL_VERIFIER, { incarnation, ...from })
      const sink = new TestSink()
      sink.isSlow = isSlow
      hub.join(listener, sink)
      return { listener, sink }
    },
  }
}

/** Two entries of the feed. */
export const move = (world: TestWorld) => world.admin.rotateKey({})
