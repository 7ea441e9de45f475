import type { HeadClaims, VerifierMode } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Entropy } from '#kernel/clock.ts'
import type { VerifierConfig } from './core.ts'
import type { Rules } from './rules.ts'

/** The body of `POST /v1/feed/sync`. */
export interface SyncQuestion {
  readonly nonce: string
  readonly incarnation: string
  readonly name: string
  readonly audiences: readonly string[]
  readonly mode: VerifierMode
  readonly applied?: { readonly position: Position; readonly chain: string; readonly time: number }
}

export type VerifierEffect =
  /** To be sent at once: the upper bound of time is counted from now. */
  | { readonly kind: 'ask'; readonly question: SyncQuestion }
  | { readonly kind: 'wake'; readonly atMicros: number }
  /** An operator must look: somebody forges, or the authority has lost its memory. */
  | { readonly kind: 'alarm'; readonly detail: string }

const SECOND = 1_000_000
/** A later answer is given up: its interval would be too wide whatever it says. */
const ANSWER_MICROS_MAX = 2 * SECOND
/** At most one question in this time. */
const ASK_MICROS_MIN = SECOND / 4
/** After failures the pause doubles, up to this. */
const PAUSE_MICROS_MAX = 4 * SECOND
const NONCE_BYTES = 32

/** When to ask the authority: one question at a time, and who waits for its answer shares it. */
export interface Asker {
  ask(nowMicros: number, head: HeadClaims | undefined): readonly VerifierEffect[]
  woken(nowMicros: number, head: HeadClaims | undefined): readonly VerifierEffect[]
  /** When the question under way was sent, if it is the one with this nonce. */
  sentMicros(nonce: string): number | undefined
  failed(nowMicros: number): readonly VerifierEffect[]
  succeeded(dueMicros: number): readonly VerifierEffect[]
}

export function createAsker(
  config: VerifierConfig,
  { entropy, rules }: { readonly entropy: Entropy; readonly rules: Rules },
): Asker {
  let question: { readonly nonce: string; readonly sentMicros: number } | undefined
  let isWanted = false
  let notBeforeMicros = Number.NEGATIVE_INFINITY
  let dueMicros = Number.POSITIVE_INFINITY
  let failures = 0

  const ask: Asker['ask'] = (nowMicros, head) => {
    isWanted = true
    if (question !== undefined) return []
    if (!rules.mayAsk(nowMicros, notBeforeMicros)) {
      return nowMicros < notBeforeMicros ? [{ kind: 'wake', atMicros: notBeforeMicros }] : []
    }
    isWanted = false
    const nonce = encodeBase64url(entropy.bytes(NONCE_BYTES))
    question = { nonce, sentMicros: nowMicros }
    notBeforeMicros = nowMicros + ASK_MICROS_MIN
    return [
      { kind: 'ask', question: { nonce, ...introduction(config), ...appliedOf(head) } },
      { kind: 'wake', atMicros: nowMicros + ANSWER_MICROS_MAX },
    ]
  }

  const failed: Asker['failed'] = (nowMicros) => {
    question = undefined
    isWanted = true
    notBeforeMicros = nowMicros + pauseMicros(failures, entropy)
    failures += 1
    return [{ kind: 'wake', atMicros: notBeforeMicros }]
  }

  return {
    ask,
    failed,
    woken(nowMicros, head) {
      if (question !== undefined) {
        return question.sentMicros + ANSWER_MICROS_MAX <= nowMicros ? failed(nowMicros) : []
      }
      return isWanted || dueMicros <= nowMicros ? ask(nowMicros, head) : []
    },
    sentMicros: (nonce) => (question?.nonce === nonce ? question.sentMicros : undefined),
    succeeded(due) {
      question = undefined
      isWanted = false
      failures = 0
      dueMicros = due
      return [{ kind: 'wake', atMicros: due }]
    },
  }
}

const introduction = ({ incarnation, name, audiences, mode }: VerifierConfig) => ({
  incarnation,
  name,
  audiences,
  mode,
})

function appliedOf(head: HeadClaims | undefined): Pick<SyncQuestion, 'applied'> {
  if (head === undefined) return {}
  const { position, chain, time } = head
  return { applied: { position, chain, time } }
}

/** Half of the pause is fixed and half is chance: a fleet that lost its authority does not return as one. */
function pauseMicros(failures: number, entropy: Entropy): number {
  const [chance = 0] = entropy.bytes(1)
  const pause = Math.min(2 * ASK_MICROS_MIN * 2 ** Math.min(failures, 10), PAUSE_MICROS_MAX)
  return Math.floor(pause * (0.5 + chance / 512))
}
