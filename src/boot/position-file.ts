import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { advance, type FeedState } from '#domain/feed/entry.ts'
import { epochOf, isPosition, ORIGIN, type Position } from '#domain/feed/position.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Clock } from '#kernel/clock.ts'
import type { Reading, Store, Writing } from '#store/port.ts'

/** How far the feed has come, as it is kept beside the database. */
export interface KeptPosition {
  readonly position: Position
  /** base64url. */
  readonly chain: string
  /** Authority time of the entry there, microseconds. */
  readonly time: number
}

/** `undefined` where there is none, or what is there says nothing: then there is nothing to hold against. */
export function readPosition(file: string): KeptPosition | undefined {
  try {
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isKept(kept) ? kept : undefined
  } catch {
    return undefined
  }
}

function isKept(value: unknown): value is KeptPosition {
  const { position, chain, time } = (value ?? {}) as Partial<KeptPosition>
  return isPosition(position) && typeof chain === 'string' && Number.isSafeInteger(time)
}

/**
 * Keeps a position, unless one as great is kept already. The file is replaced whole, so that a reader
 * never sees half of one; it is not synced, since one that is behind does no harm. Nor does a failure:
 * what it is told of is committed.
 */
export function keepPosition(file: string, { position, chain, timeMicros }: FeedState): void {
  const before = readPosition(file)
  if (before !== undefined && position <= before.position) return
  const kept: KeptPosition = { position, chain: encodeBase64url(chain), time: timeMicros }
  const fresh = `${file}.${process.pid}`
  try {
    writeFileSync(fresh, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
    renameSync(fresh, file)
  } catch {
    rmSync(fresh, { force: true })
  }
}

/**
 * A store that keeps its newest position in a file too, and by that file sees that an older database
 * was put in its place. It looks before its first transaction, and in that puts on record what it has
 * seen (see `Divergence`); while that stands the file stays, as the one witness of what was lost.
 */
export function watchingPosition(store: Store, file: string, clock: Clock): Store {
  let isChecked = false
  return {
    ...store,
    async write(work) {
      let newest: FeedState | undefined
      const result = await store.write(async (tx) => {
        newest = isChecked ? undefined : await held(tx, file, clock)
        const done = await work({
          ...tx,
          async appendFeed(entry, timeMicros) {
            await tx.appendFeed(entry, timeMicros)
            newest = advance(entry, timeMicros)
          },
        })
        if (newest !== undefined && (await tx.divergence()) !== undefined) newest = undefined
        return done
      })
      isChecked = true
      if (newest !== undefined) keepPosition(file, newest)
      return result
    },
  }
}

/** Holds the database against the file; answers where it stands, for a file that is behind. */
async function held(tx: Writing, file: string, clock: Clock): Promise<FeedState | undefined> {
  const feed = await tx.feed()
  const kept = readPosition(file)
  if (kept !== undefined && (await isDenied(tx, feed, kept))) {
    const { position, chain } = kept
    await tx.recordDivergence({ position, chain, seenBy: 'the file beside it', at: clock.now() })
  }
  return feed.position === ORIGIN ? undefined : feed
}

/**
 * Whether a database never was where the file says. A file that is behind is normal: whoever died
 * between a commit and the file left it so. Every higher epoch was opened by a restore, which has
 * settled what lay before; and what was collected can say nothing.
 */
async function isDenied(tx: Reading, feed: FeedState, kept: KeptPosition): Promise<boolean> {
  if (feed.position < kept.position) return true
  if (epochOf(kept.position) < epochOf(feed.position)) return false
  const here = await tx.feedEntry(kept.position)
  return here !== undefined && encodeBase64url(here.chain) !== kept.chain
}
