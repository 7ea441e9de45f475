import type { Caller, Deps } from '#app/deps.ts'
import {
  admitFollower,
  type Follower,
  issueForFollowers,
  mayBeGiven,
  pageOfEntries,
  snapshotFor,
} from '#app/follow.ts'
import { ENTRIES_MAX } from '#contract/feed.ts'
import type { Position } from '#domain/feed/position.ts'
import { Problem } from '#kernel/problem.ts'
import type { VerifierEvent } from '#verifier/protocol.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What reaches whoever listens; `gone`: what it would go on from is not kept any more. */
export type Streamed = Extract<
  VerifierEvent,
  { kind: 'stream-opened' | 'stream-entry' | 'stream-head' | 'stream-closed' }
>

/** One end of a stream, at the authority. */
export interface Listener {
  readonly stream: number
  readonly incarnation: string
  after: Position
  isOpen: boolean
  /** Carries these to the other end, in order. */
  readonly send: (events: readonly Streamed[]) => void
}

export interface SnapshotTexts {
  readonly head: string
  readonly entries: readonly string[]
}

/** The authority's streams, without HTTP: the use cases that give heads and entries are the real ones. */
export interface FeedStreams {
  open(listener: Listener): Promise<void>
  /** `undefined`: refused. */
  snapshot(incarnation: string): Promise<SnapshotTexts | undefined>
}

const utf8 = new TextDecoder()

export function createFeedStreams(deps: Deps, caller: Caller, clock: VirtualClock): FeedStreams {
  const listeners = new Map<Listener, Follower>()
  let isBeating = false

  const beat = (): void => {
    clock.at(clock.nowMicros() + deps.policy.feed.heartbeatMs * 1000, () => {
      for (const [listener] of listeners) if (!listener.isOpen) listeners.delete(listener)
      isBeating = 0 < listeners.size
      if (!isBeating) return
      clock.launch(tell)
      beat()
    })
  }

  const tell = async (): Promise<void> => {
    const issued = await unlessRefused(() => issueForFollowers(deps, listeners.values()))
    if (issued === undefined) return
    const { head, ended } = issued
    for (const [listener, follower] of listeners) {
      if (!listener.isOpen || ended.includes(follower)) continue
      if (!mayBeGiven(follower, head.claims)) continue
      await give(listener, head)
    }
  }

  const give = async (
    listener: Listener,
    head: { readonly text: string; readonly claims: { readonly position: Position } },
  ): Promise<void> => {
    const { stream, after } = listener
    const upTo = head.claims.position
    const page = await unlessRefused(() => pageOfEntries(deps, after, { limit: ENTRIES_MAX, upTo }))
    if (page === undefined) {
      listener.isOpen = false
      listener.send([{ kind: 'stream-closed', stream, isGone: true }])
      return
    }
    const entries = page.entries.map(({ bytes }): Streamed => ({
      kind: 'stream-entry',
      stream,
      text: utf8.decode(bytes),
    }))
    listener.after = page.entries.at(-1)?.position ?? after
    listener.send([...entries, { kind: 'stream-head', stream, text: head.text }])
  }

  return {
    async open(listener) {
      const { stream, incarnation, after } = listener
      try {
        listeners.set(listener, await admitFollower(deps, caller, { incarnation, after }))
      } catch (thrown) {
        if (!(thrown instanceof Problem)) throw thrown
        const isGone = thrown.code === 'feed-compacted' || thrown.code === 'feed-diverged'
        listener.send([{ kind: 'stream-closed', stream, isGone }])
        return
      }
      listener.send([{ kind: 'stream-opened', stream }])
      if (!isBeating) beat()
      isBeating = true
    },
    snapshot: (incarnation) =>
      unlessRefused(async () => {
        const follower = await admitFollower(deps, caller, { incarnation })
        const { head, entries } = await snapshotFor(deps, follower)
        const texts: string[] = []
        for await (const page of entries) texts.push(...page.map(({ bytes }) => utf8.decode(bytes)))
        return { head, entries: texts }
      }),
  }
}

/** A refusal is an answer of the authority; everything else is a fault of ours. */
async function unlessRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code !== 'internal') return undefined
    throw thrown
  }
}
