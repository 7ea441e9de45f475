import type { SimulationRequest } from '#contract/simulation.ts'
import { soundRules } from '#verifier/rules.ts'
import { animal } from './core-animal.ts'
import type { Animal } from './zoo.ts'

/** Cut off for hours, so that clocks part by more than any jump allows. */
const hours: Partial<SimulationRequest> = {
  scenario: 'partition',
  verifiers: 2,
  minutes: 120,
  ttlSeconds: 600,
}

/** Bugs that somebody could make about the time, and about when something is decided. */
export const clockZoo: readonly Animal[] = [
  animal('time measured by the wall clock', { localClock: 'wall' }, ['clock', 'I1', 'I3', 'I4'], 5),
  animal('drift forgotten', { rules: { intervalAt: driftless } }, ['clock', 'I3'], 10, hours),
  animal(
    'drift reckoned with on one side only',
    {
      rules: {
        intervalAt: (anchor, now) => ({
          lowerMicros: soundRules.intervalAt(anchor, now).lowerMicros,
          upperMicros: driftless(anchor, now).upperMicros,
        }),
      },
    },
    ['clock', 'I3'],
    10,
    hours,
  ),
  animal(
    'the granule of the authority’s clock forgotten',
    {
      rules: {
        anchorOf: (exchange) => {
          const anchor = soundRules.anchorOf(exchange)
          return { ...anchor, upperMicros: anchor.upperMicros - 1000 }
        },
      },
    },
    ['clock'],
    5,
    { scenario: 'partition' },
  ),
  animal(
    'a jump of the authority’s clock not reckoned with',
    {
      rules: {
        anchorOf: (exchange) => {
          const anchor = soundRules.anchorOf(exchange)
          return { ...anchor, upperMicros: anchor.upperMicros - 250_000 }
        },
      },
    },
    ['clock'],
    10,
  ),
  animal(
    'a first lease, and the time, from the stream',
    {
      rules: {
        mayLease: () => true,
        anchorOfStream: (timeMicros, nowMicros) => ({
          atMicros: nowMicros,
          lowerMicros: timeMicros - 250_000,
          upperMicros: timeMicros + 251_000,
        }),
      },
    },
    ['clock', 'I1', 'I3', 'I8'],
    20,
    { lossPercent: 40 },
  ),
  animal(
    'an unknown key or position waited for without end',
    { rules: { mayYetBeKnown: () => true } },
    ['I4'],
    2,
  ),
  animal(
    'the verdict of before the last await',
    { verdict: 'before-the-await' },
    ['I1', 'I3', 'I4', 'I8', 'I12', 'I2'],
    5,
  ),
]

function driftless(
  anchor: Parameters<typeof soundRules.intervalAt>[0],
  nowMicros: number,
): ReturnType<typeof soundRules.intervalAt> {
  const passed = nowMicros - anchor.atMicros
  return { lowerMicros: anchor.lowerMicros + passed, upperMicros: anchor.upperMicros + passed }
}
