import { anchorOf, intervalAt, judgeTimes, widensTo } from './authority-time.ts'
import { readHead } from './head.ts'
import { readToken } from './token.ts'

/**
 * The rules that the core decides by. It is handed them as one value, so that tests may plant a bug
 * in the place of any of them and see whether the simulator finds it. Nothing else passes other
 * rules than these.
 */
export const soundRules = {
  anchorOf,
  intervalAt,
  judgeTimes,
  widensTo,
  readHead,
  readToken,
  /** An interval as wide as that would leave times of which nothing can be said. */
  isTooWide: (widthMicros: number, widthMicrosMax: number): boolean => widthMicrosMax < widthMicros,
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
