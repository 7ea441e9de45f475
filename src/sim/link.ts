import type { Transport, WireAnswer, WireCall } from '#contract/transport.ts'
import { refuse } from '#kernel/problem.ts'
import type { Chance } from './chance.ts'
import type { Sightings } from './sightings.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** How a network treats messages, one way; both ways are alike. */
export interface Weather {
  readonly delayMicrosMin: number
  readonly delayMicrosMax: number
  /** How many messages take much longer, and how long at most. */
  readonly tailRatio: number
  readonly tailMicrosMax: number
  readonly lossRatio: number
  readonly duplicateRatio: number
  /** How many answers are replaced by an older one, by somebody who kept it. */
  readonly replayRatio: number
}

export interface LinkOptions {
  readonly clock: VirtualClock
  readonly chance: Chance
  readonly weather: () => Weather
  /** Whether the two ends can reach each other at all. */
  readonly isUp: (nowMicros: number) => boolean
  readonly serve: (call: WireCall) => Promise<WireAnswer>
  /** Answers to syncs that somebody kept, of all links. */
  readonly kept: WireAnswer[]
  readonly sightings: Sightings
}

export interface Link {
  readonly transport: Transport
  /** Whether the newest answer was tampered with. */
  wasReplayed(): boolean
  /** When the newest message was lost, or was long under way. */
  troubledMicros(): number
  /** Carries something one way; answers whether it is under way, or lost. */
  carry(arrive: () => void): boolean
  /** The same on a stream: nothing overtakes, and what is lost breaks it. */
  stream(): (arrive: () => void) => boolean
}

/** What a caller waits for an answer. */
const ANSWER_MICROS_MAX = 5_000_000
/** What takes longer than this is in the way of whoever waits for it. */
const SLOW_MICROS = 100_000
const KEPT_MAX = 64

/** A network that delays, loses and doubles messages, between the real client and the real dispatch. */
export function linkOf(options: LinkOptions): Link {
  const { clock, chance, isUp, sightings } = options
  let wasReplayed = false
  const sentBefore = new Set<string>()

  let troubledMicros = Number.NEGATIVE_INFINITY
  const lost = (): boolean => {
    const isLost = !isUp(clock.nowMicros()) || chance.happens(options.weather().lossRatio)
    if (isLost) troubledMicros = clock.nowMicros()
    return isLost
  }
  const arrival = (): number => {
    const micros = delayMicros(chance, options.weather())
    if (SLOW_MICROS < micros) troubledMicros = clock.nowMicros() + micros
    return clock.nowMicros() + micros
  }

  const carry = (sent: string, call: WireCall, resume: (answer: WireAnswer) => void): void => {
    if (lost()) return
    clock.at(arrival(), () =>
      clock.launch(async () => {
        const answer = await options.serve(JSON.parse(sent) as WireCall)
        if (lost()) {
          sightings.see('lost-reply')
          return
        }
        const { answer: carried, isReplayed } = tamper(options, call, answer)
        const received = JSON.stringify(carried)
        clock.at(arrival(), () => {
          wasReplayed = isReplayed
          resume(JSON.parse(received) as WireAnswer)
        })
      }),
    )
  }

  return {
    wasReplayed: () => wasReplayed,
    troubledMicros: () => troubledMicros,
    carry(arrive) {
      if (lost()) return false
      clock.at(arrival(), arrive)
      return true
    },
    stream() {
      let lastMicros = 0
      return (arrive) => {
        if (lost()) return false
        lastMicros = Math.max(lastMicros, arrival())
        clock.at(lastMicros, arrive)
        return true
      }
    },
    async transport(call) {
      wasReplayed = false
      const sent = JSON.stringify(call)
      const answer = await clock.wait<WireAnswer | undefined>((resume) => {
        carry(sent, call, resume)
        if (chance.happens(options.weather().duplicateRatio)) {
          sightings.see('duplicate')
          carry(sent, call, resume)
        }
        clock.at(clock.nowMicros() + ANSWER_MICROS_MAX, () => resume(undefined))
      })
      const { idempotencyKey = call.requestId } = call
      if (sentBefore.has(idempotencyKey) && answer?.ok === true) sightings.see('retried-and-done')
      sentBefore.add(idempotencyKey)
      return answer ?? refuse('authority-unreachable', 'no answer came in time')
    },
  }
}

function delayMicros(chance: Chance, weather: Weather): number {
  const { delayMicrosMin, delayMicrosMax, tailRatio, tailMicrosMax } = weather
  return chance.happens(tailRatio)
    ? chance.between(delayMicrosMax, tailMicrosMax)
    : chance.between(delayMicrosMin, delayMicrosMax)
}

/** Keeps answers to syncs, and passes an old one for a new one now and then. */
function tamper(
  { chance, weather, kept, sightings }: LinkOptions,
  { operation }: WireCall,
  answer: WireAnswer,
): { readonly answer: WireAnswer; readonly isReplayed: boolean } {
  if (operation !== 'syncFeed' || !answer.ok) return { answer, isReplayed: false }
  const isReplayed = 0 < kept.length && chance.happens(weather().replayRatio)
  const old = isReplayed ? kept[chance.between(0, kept.length - 1)] : undefined
  if (kept.length < KEPT_MAX) kept.push(answer)
  else kept[chance.between(0, KEPT_MAX - 1)] = answer
  if (old === undefined) return { answer, isReplayed: false }
  sightings.see('replayed-head')
  return { answer: old, isReplayed: true }
}
