import type { SimulationRequest } from '#contract/simulation.ts'
import type { Invariant } from '#sim/checks.ts'
import type { CoreInvariant } from '#sim/core/invariants.ts'
import type { PlantedBug } from '#sim/planted-bug.ts'
import { isHeadFault } from '#verifier/head.ts'
import { soundRules } from '#verifier/rules.ts'
import { isFault } from '#verifier/token.ts'
import { forgetKey } from './requests.ts'

/** A bug that somebody could make, and how soon the simulator must find it. */
export interface Animal {
  readonly name: string
  readonly bug: PlantedBug
  /** The invariants that it breaks; one of them must be the one that is found. */
  readonly breaks: readonly (Invariant | CoreInvariant)[]
  /** Found within so many seeds, from 1 on. */
  readonly seeds: number
  /** Where it shows; the small world unless said otherwise. */
  readonly where?: Partial<SimulationRequest>
}

const { anchorOf, judgeTimes, readHead, readToken } = soundRules
const MICROS = 1_000_000

export const zoo: readonly Animal[] = [
  {
    name: 'the wall clock taken for a monotonic one',
    bug: { localClock: 'wall' },
    breaks: ['clock', 'I3', 'I4'],
    seeds: 5,
    where: { skewSeconds: 300 },
  },
  {
    name: 'the upper bound counted from the answer’s receipt',
    bug: {
      rules: {
        anchorOf: (exchange) => anchorOf({ ...exchange, sentMicros: exchange.receivedMicros }),
      },
    },
    breaks: ['clock', 'I3'],
    seeds: 10,
    where: { verifiers: 10 },
  },
  {
    name: 'the lower bound counted from the question’s sending',
    bug: {
      rules: {
        anchorOf: (exchange) => ({ ...anchorOf(exchange), atMicros: exchange.sentMicros }),
      },
    },
    breaks: ['clock', 'I3'],
    seeds: 10,
    where: { verifiers: 10 },
  },
  {
    name: 'the leeway forgotten',
    bug: { rules: { judgeTimes: (validity, interval) => judgeTimes(validity, interval, 0) } },
    breaks: ['I4'],
    seeds: 2,
  },
  {
    name: 'the leeway given twice',
    bug: {
      rules: {
        judgeTimes: (validity, interval, leeway) => judgeTimes(validity, interval, 2 * leeway),
      },
    },
    breaks: ['I3'],
    seeds: 2,
  },
  {
    name: 'the lower bound taken for the time',
    bug: {
      rules: {
        judgeTimes: (validity, { lowerMicros }, leeway) =>
          judgeTimes(validity, { lowerMicros, upperMicros: lowerMicros }, leeway),
      },
    },
    breaks: ['I3'],
    seeds: 2,
  },
  {
    name: 'called expired where it may have expired',
    bug: {
      rules: {
        judgeTimes: (validity, interval, leeway) =>
          validity.untilMicros < interval.upperMicros
            ? 'expired'
            : judgeTimes(validity, interval, leeway),
      },
    },
    breaks: ['I3', 'refusal'],
    seeds: 2,
  },
  {
    name: 'nbf not looked at',
    bug: {
      rules: {
        judgeTimes: ({ untilMicros }, interval, leeway) =>
          judgeTimes({ fromMicros: 0, untilMicros }, interval, leeway),
      },
    },
    breaks: ['I3'],
    seeds: 2,
    where: { scenario: 'lifecycle', ttlSeconds: 300 },
  },
  {
    name: 'asked once, and never again',
    bug: {
      rules: {
        dueAt: () => Number.POSITIVE_INFINITY,
        mayAsk: (now, notBefore) =>
          notBefore === Number.NEGATIVE_INFINITY ||
          (notBefore <= now && now < notBefore + 60 * MICROS),
      },
    },
    breaks: ['I4', 'L1'],
    seeds: 3,
    where: { minutes: 30, ttlSeconds: 600, verifiers: 2 },
  },
  {
    name: 'not asked again after a failure',
    bug: { rules: { mayAsk: (_, notBefore) => notBefore === Number.NEGATIVE_INFINITY } },
    breaks: ['I4', 'L1', 'refusal'],
    seeds: 5,
  },
  {
    name: 'an answer taken that came too slowly',
    bug: { rules: { isTooWide: () => false } },
    breaks: ['clock'],
    seeds: 10,
    where: { verifiers: 10 },
  },
  {
    name: 'an old head taken for an answer',
    bug: { rules: { isAnswerTo: () => true } },
    breaks: ['clock', 'I3', 'I6'],
    seeds: 5,
  },
  {
    name: 'any head believed, whoever signed it, with going backwards allowed',
    bug: {
      rules: {
        readHead: (text, context) => readHead(text, { ...context, verifySignature: () => true }),
        isAnswerTo: () => true,
        orderOf: () => 'newer',
      },
    },
    breaks: ['clock', 'I3', 'I6'],
    seeds: 5,
  },
  {
    name: 'an authority’s clock believed never to jump',
    bug: {
      rules: {
        anchorOf(exchange) {
          const { lowerMicros, upperMicros, ...anchor } = anchorOf(exchange)
          const step = MICROS / 4
          return { ...anchor, lowerMicros: lowerMicros + step, upperMicros: upperMicros - step }
        },
      },
    },
    breaks: ['clock', 'I3'],
    seeds: 10,
  },
  {
    name: 'signatures not checked',
    bug: {
      rules: {
        readToken: (text, context) => readToken(text, { ...context, verifySignature: () => true }),
      },
    },
    breaks: ['forgery'],
    seeds: 5,
    where: { scenario: 'lifecycle' },
  },
  {
    name: 'the audience not checked',
    bug: {
      rules: {
        readToken: (text, context) =>
          readToken(text, { ...context, audiences: ['https://elsewhere.sim', 'https://api.sim'] }),
      },
    },
    breaks: ['forgery'],
    seeds: 2,
    where: { scenario: 'lifecycle' },
  },
  {
    name: 'the longest lifetime not checked',
    bug: {
      rules: {
        readHead: (text, context) => {
          const read = readHead(text, context)
          return isHeadFault(read)
            ? read
            : { ...read, claims: { ...read.claims, maxTtl: Infinity } }
        },
      },
    },
    breaks: ['forgery'],
    seeds: 2,
    where: { scenario: 'lifecycle' },
  },
  {
    name: 'positions of the future not checked',
    bug: {
      rules: {
        readToken: (text, context) => {
          const read = readToken(text, context)
          if (isFault(read)) return read
          return { ...read, revocable: { ...read.revocable, feedSeq: read.revocable.rootSeq } }
        },
      },
    },
    breaks: ['forgery'],
    seeds: 2,
    where: { scenario: 'lifecycle' },
  },
  {
    name: 'an unknown key held to be unknown for good',
    bug: { rules: { mayYetBeKnown: () => false } },
    breaks: ['refusal'],
    seeds: 3,
    where: { scenario: 'lifecycle' },
  },
  {
    name: 'heads dated by the last entry and not by the clock',
    bug: {
      store: (store) => ({
        ...store,
        write: (work) =>
          store.write((tx) => work({ ...tx, advanceFeedTime: () => tx.advanceFeedTime(0) })),
      }),
    },
    breaks: ['clock', 'I3', 'refusal'],
    seeds: 2,
  },
  {
    name: 'heads that move no time, as a read would give them',
    bug: {
      store: (store) => ({
        ...store,
        write: (work) => store.write((tx) => work({ ...tx, advanceFeedTime: () => tx.feed() })),
      }),
    },
    breaks: ['clock', 'I3', 'I4', 'I6', 'refusal'],
    seeds: 2,
  },
  {
    name: 'a request done again when it is sent again',
    bug: { call: forgetKey },
    breaks: ['I10'],
    seeds: 5,
  },
]
