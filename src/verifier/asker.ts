import { encodeBase64url } from '#kernel/base64url.ts'
import type { Entropy } from '#kernel/clock.ts'
import { pauseMicros } from './pause.ts'
import { NOTHING, type SyncQuestion, type VerifierEffect } from './protocol.ts'
import type { Rules } from './rules.ts'

const SECOND = 1_000_000
/** A later answer is given up: its interval would be too wide whatever it says. */
const ANSWER_MICROS_MAX = 2 * SECOND
/** At most one question in this time. */
const ASK_MICROS_MIN = SECOND / 4
const NONCE_BYTES = 32

/** When to ask the authority: one question at a time, and who waits for its answer shares it. */
export interface Asker {
  /** An answer is wanted as soon as one may be asked for. */
  want(): void
  /** When the question under way was sent, if it is the one with this nonce. */
  sentMicros(nonce: string): number | undefined
  failed(nowMicros: number): void
  /** Asks again at `dueMicros`, unless wanted before. */
  succeeded(dueMicros: number): void
  /** Gives up the question under way: the clock that it was timed by stood still. */
  forget(nowMicros: number): void
  readonly hasSucceeded: boolean
  tick(nowMicros: number): readonly VerifierEffect[]
  /** When `tick` has something to do. */
  due(): number
}

export function createAsker(
  introduction: () => Omit<SyncQuestion, 'nonce'>,
  { entropy, rules }: { readonly entropy: Entropy; readonly rules: Rules },
): Asker {
  let question: { readonly nonce: string; readonly sentMicros: number } | undefined
  let isWanted = false
  let hasSucceeded = false
  let notBeforeMicros = Number.NEGATIVE_INFINITY
  let dueMicros = Number.POSITIVE_INFINITY
  let failures = 0

  const failed = (nowMicros: number): void => {
    question = undefined
    isWanted = true
    notBeforeMicros = nowMicros + pauseMicros(failures, entropy)
    failures += 1
  }
  const timeOut = (nowMicros: number): void => {
    if (question === undefined || nowMicros < question.sentMicros + ANSWER_MICROS_MAX) return
    failed(nowMicros)
  }
  const ask = (nowMicros: number): readonly VerifierEffect[] => {
    if (question !== undefined || !(isWanted || dueMicros <= nowMicros)) return NOTHING
    if (!rules.mayAsk(nowMicros, notBeforeMicros)) return NOTHING
    isWanted = false
    const nonce = encodeBase64url(entropy.bytes(NONCE_BYTES))
    question = { nonce, sentMicros: nowMicros }
    notBeforeMicros = nowMicros + ASK_MICROS_MIN
    const effect: VerifierEffect = { kind: 'ask', question: { nonce, ...introduction() } }
    // From the second failure on, another node may know better.
    return 1 < failures ? [{ kind: 'next-url' }, effect] : [effect]
  }

  return {
    want() {
      isWanted = true
    },
    sentMicros: (nonce) => (question?.nonce === nonce ? question.sentMicros : undefined),
    failed,
    succeeded(due) {
      question = undefined
      isWanted = false
      hasSucceeded = true
      failures = 0
      dueMicros = due
    },
    forget(nowMicros) {
      question = undefined
      isWanted = true
      notBeforeMicros = nowMicros
      failures = 0
    },
    get hasSucceeded() {
      return hasSucceeded
    },
    tick(nowMicros) {
      timeOut(nowMicros)
      return ask(nowMicros)
    },
    due() {
      if (question !== undefined) return question.sentMicros + ANSWER_MICROS_MAX
      return Math.max(isWanted ? Number.NEGATIVE_INFINITY : dueMicros, notBeforeMicros)
    },
  }
}
