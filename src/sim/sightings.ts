/**
 * What must have happened somewhere for a run to have proved anything: the "sometimes" twins of the
 * invariants, which say what must never happen. A suite of runs that misses one has tested less than
 * it claims, and fails.
 */
export const sightingNames = [
  'accepted',
  'accepted-in-leeway',
  'expired',
  'not-yet-valid',
  'invalid',
  'stale-cold',
  'stale-behind',
  'stale-clock',
  'stale-excused',
  'waited-and-accepted',
  'naive-false-accept',
  'naive-false-refusal',
  'skew-beyond-ttl',
  'clock-set',
  'authority-stepped',
  'lost-reply',
  'duplicate',
  'replayed-head',
  'head-refused',
  'partition',
  'key-rotated',
  'retried-and-done',
] as const
export type Sighting = (typeof sightingNames)[number]

export interface Sightings {
  see(what: Sighting): void
  counts(): Readonly<Record<Sighting, number>>
}

export function createSightings(): Sightings {
  const counts = Object.fromEntries(sightingNames.map((name) => [name, 0])) as Record<
    Sighting,
    number
  >
  return {
    see: (what) => {
      counts[what] += 1
    },
    counts: () => counts,
  }
}
