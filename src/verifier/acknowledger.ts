import type { HeadClaims } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import type { Entropy } from '#kernel/clock.ts'
import { pauseMicros } from './pause.ts'
import { type Acknowledgement, NOTHING, type VerifierEffect } from './protocol.ts'

/** No word for so long: it was lost, or its answer was. */
const WORD_MICROS_MAX = 5_000_000

/** Tells the authority of each position that is newly applied, until it has taken it. */
export interface Acknowledger {
  acknowledged(position: Position): void
  /** Whether it was the newest word that was not taken. */
  unacknowledged(position: Position, nowMicros: number): boolean
  tick(nowMicros: number, applied: HeadClaims | undefined): readonly VerifierEffect[]
  due(applied: HeadClaims | undefined): number
}

export const acknowledgementOf = (incarnation: string, head: HeadClaims): Acknowledgement => ({
  incarnation,
  position: head.position,
  chain: head.chain,
  digest: head.digest,
  time: head.time,
})

export function createAcknowledger(incarnation: string, entropy: Entropy): Acknowledger {
  let taken = 0
  let said = 0
  let isUnderWay = false
  let againMicros = Number.POSITIVE_INFINITY
  let failures = 0

  const failed = (nowMicros: number): void => {
    isUnderWay = false
    againMicros = nowMicros + pauseMicros(failures, entropy)
    failures++
  }

  return {
    acknowledged(position) {
      // Nothing was said of what lies further on, whoever claims to have heard it.
      if (said < position || position <= taken) return
      taken = position
      failures = 0
      if (position === said) isUnderWay = false
    },
    unacknowledged(position, nowMicros) {
      if (position !== said || !isUnderWay) return false
      failed(nowMicros)
      return true
    },
    tick(nowMicros, applied) {
      if (applied === undefined || applied.position <= taken) return NOTHING
      if (said === applied.position) {
        if (nowMicros < againMicros) return NOTHING
        if (isUnderWay) {
          failed(nowMicros)
          return NOTHING
        }
      }
      said = applied.position
      isUnderWay = true
      againMicros = nowMicros + WORD_MICROS_MAX
      return [{ kind: 'acknowledge', acknowledgement: acknowledgementOf(incarnation, applied) }]
    },
    due: (applied) =>
      applied === undefined || applied.position <= taken
        ? Infinity
        : said === applied.position
          ? againMicros
          : Number.NEGATIVE_INFINITY,
  }
}
