import type { HeadClaims, VerifierMode } from '#domain/feed/head.ts'
import type { Entropy } from '#kernel/clock.ts'
import { type TimeInterval, widthOf } from './authority-time.ts'
import { createAsker, type VerifierEffect } from './asker.ts'
import { type DecisionRequest, decide, type Knowledge, type VerifierDecision } from './decide.ts'
import type { Jwk } from './head.ts'
import type { Rules } from './rules.ts'
import type { VerifySignature } from './signature.ts'

/** What a verifier is told when it is made. */
export interface VerifierConfig {
  readonly issuer: string
  readonly audiences: readonly string[]
  /** A label for people. */
  readonly name: string
  readonly mode: VerifierMode
  /** Names this one start of this one process; random. */
  readonly incarnation: string
  readonly leewayMicros: number
  /** The keys that may sign heads; without a pin, those of the first answer, taken on trust. */
  readonly feedKeys?: readonly Jwk[]
}

export interface VerifierCapabilities {
  readonly entropy: Entropy
  readonly verifySignature: VerifySignature
  readonly rules: Rules
}

export type VerifierEvent =
  | { readonly kind: 'started' }
  /** A time that an effect asked for has come. One too many does no harm. */
  | { readonly kind: 'woken' }
  | {
      readonly kind: 'answered'
      readonly nonce: string
      readonly head: string
      readonly feedKeys: readonly Jwk[]
    }
  | { readonly kind: 'unanswered'; readonly nonce: string }

export interface VerifierCore {
  on(event: VerifierEvent, nowMicros: number): readonly VerifierEffect[]
  /**
   * Decides now, by what is known now. After `stale` the effects are carried out and it may be asked
   * again, with the same arrival.
   */
  decide(
    request: DecisionRequest,
    nowMicros: number,
  ): { readonly decision: VerifierDecision; readonly effects: readonly VerifierEffect[] }
  /** The newest head applied, and the authority's time as it is known; for status and for checks. */
  applied(): HeadClaims | undefined
  interval(nowMicros: number): TimeInterval | undefined
}

/** An interval may always be as wide as this; a smaller leeway leaves times that are `stale`. */
const WIDTH_MICROS_MIN = 1_000_000

/**
 * The verifier without its input and output: what it is told and when decides what it answers. A
 * shell sends its questions, hands it the answers and wakes it; so does the simulator.
 */
export function createVerifierCore(
  config: VerifierConfig,
  { entropy, verifySignature, rules }: VerifierCapabilities,
): VerifierCore {
  const limits = {
    leewayMicros: config.leewayMicros,
    widthMicrosMax: Math.max(config.leewayMicros, WIDTH_MICROS_MIN),
  }
  const asker = createAsker(config, { entropy, rules })
  let known: Knowledge | undefined
  let trusted = config.feedKeys

  /** Takes an answer's head, or says why not. */
  const learn = (event: Answer, sentMicros: number, nowMicros: number): Learned => {
    const { nonce, head, feedKeys } = event
    const trying = trusted ?? feedKeys
    const context = { issuer: config.issuer, nonce, feedKeys: trying, verifySignature }
    const claims = rules.readHead(head, context)
    if (typeof claims === 'string') return { alarm: claims }
    const anchor = rules.anchorOf({
      sentMicros,
      receivedMicros: nowMicros,
      timeMicros: claims.time,
    })
    if (rules.isTooWide(widthOf(anchor), limits.widthMicrosMax)) return 'too-wide'
    if (known !== undefined && !rules.succeeds(known.head, claims)) {
      return { alarm: 'it goes back behind what was known before' }
    }
    known = { head: claims, sentMicros, anchor }
    trusted = trying
    return { dueMicros: rules.dueAt(anchor, limits.widthMicrosMax) }
  }

  const answered = (event: Answer, nowMicros: number): readonly VerifierEffect[] => {
    const sentMicros = asker.sentMicros(event.nonce)
    // A late answer, or a second one: what it says of the time is no longer worth anything.
    if (sentMicros === undefined) return []
    const learned = learn(event, sentMicros, nowMicros)
    if (learned === 'too-wide') return asker.failed(nowMicros)
    if ('dueMicros' in learned) return asker.succeeded(learned.dueMicros)
    const alarm = { kind: 'alarm', detail: `a head was refused: ${learned.alarm}` } as const
    return [alarm, ...asker.failed(nowMicros)]
  }

  return {
    on(event, nowMicros) {
      switch (event.kind) {
        case 'started':
          return asker.ask(nowMicros, known?.head)
        case 'woken':
          return asker.woken(nowMicros, known?.head)
        case 'answered':
          return answered(event, nowMicros)
        case 'unanswered':
          return asker.sentMicros(event.nonce) === undefined ? [] : asker.failed(nowMicros)
      }
    },
    decide(request, nowMicros) {
      const context = { config, limits, rules, verifySignature }
      const decision = decide(known, request, context, nowMicros)
      const isStale = decision.verdict === 'stale'
      return { decision, effects: isStale ? asker.ask(nowMicros, known?.head) : [] }
    },
    applied: () => known?.head,
    interval: (nowMicros) =>
      known === undefined ? undefined : rules.intervalAt(known.anchor, nowMicros),
  }
}

type Answer = Extract<VerifierEvent, { kind: 'answered' }>
/** An alarm, the time of the next question, or an answer that came too slowly to be of use. */
type Learned = { readonly alarm: string } | { readonly dueMicros: number } | 'too-wide'
