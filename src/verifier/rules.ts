import {
  type Anchor,
  anchorOf,
  intervalAt,
  judgeTimes,
  widensTo,
  widthOf,
} from './authority-time.ts'
import { readHead } from './head.ts'
import { readToken } from './token.ts'

/** Asked at least as often, since keys come with the answer. */
const SYNC_MICROS_MAX = 300_000_000

/**
 * The rules that the core decides by. It is handed them as one value, so that tests may plant a bug
 * in the place of any of them and see whether the simulator finds it. Nothing else passes other
 * rules than these.
 */
export const soundRules = {
  anchorOf,
  intervalAt,
  judgeTimes,
  readHead,
  readToken,
  /** An interval as wide as that would leave times of which nothing can be said. */
  isTooWide: (widthMicros: number, widthMicrosMax: number): boolean => widthMicrosMax < widthMicros,
  /** When to ask again: long before drift has widened the interval as far as it may. */
  dueAt: (anchor: Anchor, widthMicrosMax: number): number =>
    Math.min(
      widensTo(anchor, (widthOf(anchor) + widthMicrosMax) / 2),
      anchor.atMicros + SYNC_MICROS_MAX,
    ),
  /** Never backwards: positions do not fall, and one position has one chain. */
  succeeds: (
    known: { readonly position: number; readonly chain: string; readonly time: number },
    next: { readonly position: number; readonly chain: string; readonly time: number },
  ): boolean =>
    known.position <= next.position &&
    known.time < next.time &&
    (known.position !== next.position || known.chain === next.chain),
  /** Whether what a token names and a head does not know can still come to be known. */
  mayYetBeKnown: (arrivedMicros: number, headSentMicros: number): boolean =>
    headSentMicros < arrivedMicros,
  /** Whether a question may be asked now. */
  mayAsk: (nowMicros: number, notBeforeMicros: number): boolean => notBeforeMicros <= nowMicros,
}
export type Rules = typeof soundRules
