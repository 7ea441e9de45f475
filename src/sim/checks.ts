import { formatInstant, instant } from '#kernel/instant.ts'
import type { TimeInterval } from '#verifier/authority-time.ts'
import type { VerifierDecision } from '#verifier/config.ts'
import type { SimToken } from './tokens.ts'

/** What must never happen, by name; docs/simulator.md says why. */
export const invariants = {
  I3: 'accepted only within the leeway of its validity; `expired` only after expiry',
  I4: '`stale` only where the network left no way to know',
  I6: 'what a verifier has applied, and its time, never go back',
  I10: 'what was acknowledged is on record, and on record once',
  L1: 'after the faults have ended every verifier knows the time again',
  clock: 'the interval by which a verifier decides holds the authority’s time and is not too wide',
  forgery: 'a token that the authority did not issue is never accepted',
  refusal: 'a valid token is not refused',
} as const
export type Invariant = keyof typeof invariants

/** One decision, and everything it is judged by. */
export interface Judged {
  readonly token: SimToken
  readonly decision: VerifierDecision
  /** Authority time. */
  readonly atMicros: number
  readonly leewayMicros: number
  readonly interval: TimeInterval | undefined
  readonly widthMicrosMax: number
  /** For a `stale`: what the network did. */
  readonly excuse: string | undefined
}

export interface Breach {
  readonly invariant: Invariant
  readonly said: string
}

/** The invariants that one decision breaks; none, if all is well. */
export function breachesOf(judged: Judged): Breach[] {
  return [timeBreach(judged), clockBreach(judged), verdictBreach(judged)].filter(
    (breach) => breach !== undefined,
  )
}

export const isFalseAccept = ({ token, decision, atMicros, leewayMicros }: Judged): boolean =>
  token.isGenuine &&
  decision.verdict === 'accepted' &&
  token.validity.untilMicros + leewayMicros < atMicros

/** Refused although it is valid, without any leeway; or nothing said without an excuse. */
export function isFalseRefusal({ token, decision, atMicros, excuse }: Judged): boolean {
  if (!isValidAt(token, atMicros) || decision.verdict === 'accepted') return false
  return decision.verdict !== 'stale' || excuse === undefined
}

export const isValidAt = ({ isGenuine, validity }: SimToken, atMicros: number): boolean =>
  isGenuine && validity.fromMicros <= atMicros && atMicros <= validity.untilMicros

function timeBreach({ token, decision, atMicros, leewayMicros }: Judged): Breach | undefined {
  const { fromMicros, untilMicros } = token.validity
  const { verdict } = decision
  const breach = (said: string): Breach => ({ invariant: 'I3', said })
  if (verdict === 'accepted' && untilMicros + leewayMicros < atMicros) {
    return breach(`it was accepted ${seconds(atMicros - untilMicros)} after it had expired`)
  }
  if (verdict === 'accepted' && atMicros < fromMicros - leewayMicros) {
    return breach(`it was accepted ${seconds(fromMicros - atMicros)} before it was valid`)
  }
  if (verdict === 'expired' && atMicros <= untilMicros) {
    return breach(`it was called expired ${seconds(untilMicros - atMicros)} before it was`)
  }
  if (verdict === 'not-yet-valid' && fromMicros <= atMicros) {
    return breach(`it was called not yet valid ${seconds(atMicros - fromMicros)} after it was`)
  }
  return undefined
}

function clockBreach({ decision, interval, atMicros, widthMicrosMax }: Judged): Breach | undefined {
  if (interval === undefined) return undefined
  const { lowerMicros, upperMicros } = interval
  const breach = (said: string): Breach => ({ invariant: 'clock', said })
  if (atMicros < lowerMicros) {
    return breach(`its interval began ${seconds(lowerMicros - atMicros)} after the true time`)
  }
  if (upperMicros < atMicros) {
    return breach(`its interval ended ${seconds(atMicros - upperMicros)} before the true time`)
  }
  if (decision.verdict !== 'stale' && widthMicrosMax < upperMicros - lowerMicros) {
    return breach(`it decided by an interval ${seconds(upperMicros - lowerMicros)} wide`)
  }
  return undefined
}

function verdictBreach(judged: Judged): Breach | undefined {
  const { token, decision, atMicros, excuse } = judged
  const { verdict, detail = '' } = decision
  if (!token.isGenuine && !token.isTimedOnly && verdict === 'accepted') {
    return { invariant: 'forgery', said: `a token was accepted although ${token.about}` }
  }
  if (verdict === 'stale') {
    return excuse === undefined
      ? { invariant: 'I4', said: `it could not say (${detail}), although nothing was in its way` }
      : undefined
  }
  if (verdict === 'accepted' || !isValidAt(token, atMicros)) return undefined
  return { invariant: 'refusal', said: `a valid token was ${verdict} (${detail})` }
}

export const seconds = (micros: number): string => `${(micros / 1_000_000).toFixed(3)} s`

export const timeText = (micros: number): string =>
  formatInstant(instant(Math.floor(micros / 1000)))
