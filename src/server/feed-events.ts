import type { FeedEntry } from '#domain/feed/entry.ts'

// The three kinds of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

const utf8 = new TextDecoder()

/** The stored bytes as they are: they are JSON, and JSON written by us has no line ends. */
export const entryEvents = (entries: readonly FeedEntry[]): string =>
  entries
    .map(({ position, bytes }) => `id: ${position}\nevent: entry\ndata: ${utf8.decode(bytes)}\n\n`)
    .join('')

/** No id: who resumes does so after the last entry. */
export const headEvent = (jws: string): string => `event: head\ndata: ${jws}\n\n`

/** An authority takes some thousand acknowledgements a second beside its other work. */
const ACKNOWLEDGEMENTS_PER_MS = 5
const SPREAD_MS_MAX = 1000

/**
 * A hint, unsigned: whoever acknowledges waits so many milliseconds before, and a random part of as many
 * more. Few need none, and are heard sooner.
 */
export function spreadEvent(listeners: number): string {
  const spreadMs = Math.min(Math.floor(listeners / ACKNOWLEDGEMENTS_PER_MS), SPREAD_MS_MAX)
  return spreadMs < SPREAD_MS_MIN ? '' : `event: spread\ndata: ${spreadMs}\n\n`
}

const SPREAD_MS_MIN = 10
