import { acknowledgeFeed } from '#app/acknowledge.ts'
import type { Deps } from '#app/deps.ts'
import { pageOfEntries } from '#app/follow.ts'
import { verifierOf } from '#app/follower.ts'
import { syncFeed } from '#app/sync.ts'
import type { Operating } from './dispatch.ts'

type Some<K extends keyof Operating> = Pick<Operating, K>

const utf8 = new TextDecoder()

/** What a verifier does over the contract; the streams beside it are in `feed-stream.ts`. */
export const feedOperations = (
  deps: Deps,
): Some<'syncFeed' | 'acknowledgeFeed' | 'listFeedEntries'> => ({
  async syncFeed(input, { caller }) {
    const { head, feedKeys } = await syncFeed(deps, caller, input)
    return { head, feedKeys: feedKeys.map((jwk) => ({ ...jwk })) }
  },
  async acknowledgeFeed(input, { caller }) {
    return { position: await acknowledgeFeed(deps, caller, input) }
  },
  async listFeedEntries({ after, limit }, { caller }) {
    // Entries grant nothing, so whose they are does not matter; that it is a verifier does.
    verifierOf(caller)
    const { entries, floor, more } = await pageOfEntries(deps, after, { limit })
    return { entries: entries.map(({ bytes }) => utf8.decode(bytes)), floor, more }
  },
})
