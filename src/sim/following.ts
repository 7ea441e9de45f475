import type { Admin } from '#contract/admin-api.ts'
import { Problem } from '#kernel/problem.ts'
import type { VerifierEffect, VerifierEvent } from '#verifier/protocol.ts'
import type { FeedStreams, Listener, Streamed } from './feed-streams.ts'
import type { Link } from './link.ts'
import type { VirtualClock } from './virtual-clock.ts'

type Following = Exclude<VerifierEffect, { readonly kind: 'ask' | 'wake' | 'alarm' | 'applied' }>

export interface FollowingOptions {
  readonly clock: VirtualClock
  readonly config: { readonly incarnation: string }
  readonly admin: Pick<Admin, 'listFeedEntries' | 'acknowledgeFeed'>
  readonly streams: FeedStreams
  readonly link: Link
  readonly tell: (event: VerifierEvent) => void
}

/** What a shell does to follow the feed: it streams, fetches and acknowledges as the core says. */
export function createFollowing(options: FollowingOptions): (effect: Following) => void {
  const { clock, config, admin, streams, link, tell } = options
  let open: Listener | undefined

  /** What the authority answers within the contract; a refusal is an answer too. */
  const asked = (work: () => Promise<VerifierEvent>, refused: (code: string) => VerifierEvent) =>
    clock.launch(async () => tell(await answered(work, refused)))

  const stream = (number: number, after: Listener['after']): void => {
    const carry = link.stream()
    const listener: Listener = {
      stream: number,
      incarnation: config.incarnation,
      after,
      isOpen: true,
      send(events: readonly Streamed[]) {
        const isUnderWay = carry(() => {
          for (const event of events) if (listener.isOpen || isEnd(event)) tell(event)
        })
        if (!isUnderWay) listener.isOpen = false
      },
    }
    if (open !== undefined) open.isOpen = false
    open = listener
    link.carry(() => clock.launch(() => streams.open(listener)))
  }

  return (effect) => {
    switch (effect.kind) {
      case 'open-stream':
        return stream(effect.stream, effect.after)
      case 'close-stream':
        if (open?.stream === effect.stream) open.isOpen = false
        return
      case 'fetch-entries': {
        const { fetch, after } = effect
        return asked(
          async () => ({
            kind: 'entries',
            fetch,
            entries: (await admin.listFeedEntries({ after })).entries,
          }),
          (code) => ({ kind: 'entries-failed', fetch, isGone: code === 'feed-compacted' }),
        )
      }
      case 'fetch-snapshot':
        return snapshot(effect.fetch)
      case 'acknowledge': {
        const { acknowledgement } = effect
        const { position } = acknowledgement
        return asked(
          async () => {
            await admin.acknowledgeFeed({ ...acknowledgement })
            return { kind: 'acknowledged', position }
          },
          () => ({ kind: 'unacknowledged', position }),
        )
      }
      case 'next-url':
    }
  }

  function snapshot(fetch: number): void {
    const failed: VerifierEvent = { kind: 'snapshot-failed', fetch }
    link.carry(() =>
      clock.launch(async () => {
        const texts = await streams.snapshot(config.incarnation)
        link.carry(() => tell(texts === undefined ? failed : { kind: 'snapshot', fetch, ...texts }))
      }),
    )
  }
}

const isEnd = ({ kind }: Streamed): boolean => kind === 'stream-closed'

async function answered(
  work: () => Promise<VerifierEvent>,
  refused: (code: string) => VerifierEvent,
): Promise<VerifierEvent> {
  try {
    return await work()
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code !== 'internal') return refused(thrown.code)
    throw thrown
  }
}
