import { describe, expect, it } from 'vitest'
import {
  type Enforcement,
  enforcementText,
  progressText,
  waitingNames,
} from '#cli/commands/revocation/enforcement.ts'

const straggler = (name: string, over: object = {}): Enforcement['stragglers'][number] => ({
  verifierId: 'local',
  incarnation: `i-${name}`,
  name,
  leaseEndsAt: '2026-11-23T19:08:42.000Z',
  lapsed: false,
  ...over,
})

const waiting: Enforcement = {
  revocationId: 'rev_1',
  state: 'published',
  position: 1,
  publishedAt: '2026-11-23T19:08:12.000Z',
  at: '2026-11-23T19:08:30.400Z',
  certainBy: '2026-11-23T19:08:42.000Z',
  verifiers: { total: 40, acknowledged: 35, lapsed: 2, waiting: 3 },
  acknowledgedMs: { p50: 12.4, p99: 80, max: 90 },
  stragglers: [straggler('api-9'), straggler('api-7'), straggler('old', { lapsed: true })],
  audiences: [{ audience: 'https://api', verifiers: 40, state: 'waiting' }],
}
const enforced: Enforcement = {
  ...waiting,
  state: 'enforced',
  enforcedAt: '2026-11-23T19:08:12.083Z',
  verifiers: { total: 40, acknowledged: 40, lapsed: 0, waiting: 0 },
  stragglers: [],
}
const of = (over: Partial<Enforcement>): Enforcement => ({ ...waiting, ...over })
const counts = (total: number, acknowledged: number, lapsed: number, left: number) => ({
  verifiers: { total, acknowledged, lapsed, waiting: left },
})
const { acknowledgedMs: _, ...unmeasured } = waiting

describe('the line of progress', () => {
  it.for<[string, Enforcement, number | undefined, string]>([
    [
      'is whole where there is room',
      waiting,
      undefined,
      'enforced on 37 of 40 verifiers · p50 12 ms · p99 80 ms · certain by 19:08:42Z (in 12 s) · waiting for api-7, api-9 and 1 more',
    ],
    [
      'drops how fast it went first',
      waiting,
      120,
      'enforced on 37 of 40 verifiers · certain by 19:08:42Z (in 12 s) · waiting for api-7, api-9 and 1 more',
    ],
    [
      'then the time of day',
      waiting,
      90,
      'enforced on 37 of 40 verifiers · certain in 12 s · waiting for api-7, api-9 and 1 more',
    ],
    [
      'then all names but one',
      waiting,
      80,
      'enforced on 37 of 40 verifiers · certain in 12 s · waiting for api-7 and 2 more',
    ],
    [
      'and is no shorter than that',
      waiting,
      10,
      'enforced on 37 of 40 verifiers · certain in 12 s · waiting for api-7 and 2 more',
    ],
    [
      'of one verifier, not heard of yet',
      { ...unmeasured, ...counts(1, 0, 0, 1), stragglers: [straggler('a')] },
      undefined,
      'enforced on 0 of 1 verifier · certain by 19:08:42Z (in 12 s) · waiting for a',
    ],
    [
      'of nobody',
      { ...unmeasured, ...counts(0, 0, 0, 0), stragglers: [] },
      undefined,
      'no verifier holds a lease from before · certain by 19:08:42Z (in 12 s)',
    ],
    [
      'in grace',
      of({ ...counts(40, 40, 0, 0), graceEndsAt: '2026-11-23T19:08:41.000Z', stragglers: [] }),
      undefined,
      'enforced on 40 of 40 verifiers · p50 12 ms · p99 80 ms · certain by 19:08:42Z (in 12 s) · in grace until 19:08:41Z',
    ],
    [
      'after grace',
      of({ ...counts(40, 40, 0, 0), graceEndsAt: '2026-11-23T19:08:30.400Z', stragglers: [] }),
      undefined,
      'enforced on 40 of 40 verifiers · p50 12 ms · p99 80 ms · certain by 19:08:42Z (in 12 s)',
    ],
    [
      'of audiences without a verifier, and on another day',
      {
        ...unmeasured,
        ...counts(0, 0, 0, 0),
        stragglers: [],
        certainBy: '2026-11-24T00:00:00.001Z',
        audiences: [
          { audience: 'https://a', verifiers: 0, state: 'unproven' },
          { audience: 'b\u001b', verifiers: 0, state: 'unproven' },
          { audience: 'c', verifiers: 1, state: 'enforced' },
        ],
      },
      undefined,
      String.raw`unproven for https://a, "b\u001b" · certain by 2026-11-24T00:00:01Z (in 17490 s)`,
    ],
    [
      'that is due',
      of({ certainBy: waiting.at }),
      60,
      'enforced on 37 of 40 verifiers · certain now · waiting for api-7 and 2 more',
    ],
  ])('%s', ([, enforcement, width, line]) => {
    expect(progressText(enforcement, width)).toBe(line)
  })
})

describe('who is waited for', () => {
  it('is named once however many processes bear the name, and counted beyond five', () => {
    const names = ['f', 'e', 'd', 'c', 'b', 'a', 'a']
    const many = of({ ...counts(9, 0, 0, 9), stragglers: names.map((name) => straggler(name)) })
    expect(waitingNames(many)).toBe('a, b, c, d, e and 3 more')
    const all = of({ ...counts(3, 0, 0, 3), stragglers: ['a', 'a', 'b'].map((n) => straggler(n)) })
    expect(waitingNames(all)).toBe('a, b')
  })
})

describe('where it stands', () => {
  it.for<[string, Enforcement, readonly string[]]>([
    [
      'enforced',
      enforced,
      ['Enforced 83 ms after publication: 40 of 40 verifiers acknowledged (p50 12 ms, p99 80 ms).'],
    ],
    [
      'enforced by leases that ran out',
      { ...enforced, ...counts(2, 1, 1, 0), enforcedAt: '2026-11-23T19:08:22.049Z' },
      [
        'Enforced 10.0 s after publication: 1 of 2 verifiers acknowledged (p50 12 ms, p99 80 ms); 1 decided no more, its lease being over.',
      ],
    ],
    [
      'enforced by nobody',
      { ...enforced, ...counts(0, 0, 0, 0) },
      ['Enforced 83 ms after publication: no verifier held a lease from before.'],
    ],
    [
      'waited for',
      waiting,
      [
        'Enforced on 37 of 40 verifiers (p50 12 ms, p99 80 ms); waiting for api-7, api-9 and 1 more.',
        'Enforcement is certain by 2026-11-23T19:08:42.000Z (in 12 s), whatever happens.',
      ],
    ],
    [
      'unproven',
      {
        ...unmeasured,
        ...counts(0, 0, 0, 0),
        state: 'open',
        stragglers: [],
        audiences: [
          { audience: 'a', verifiers: 0, state: 'unproven', until: '2026-11-23T20:00:00.000Z' },
          {
            audience: 'b',
            verifiers: 0,
            state: 'unproven',
            statusListUntil: '2026-11-23T19:09:00.000Z',
          },
        ],
      },
      [
        'Unproven for a until 2026-11-23T20:00:00.000Z: no verifier of that audience follows the feed.',
        'Unproven for b: no verifier of that audience follows the feed.',
        'Whoever reads status lists there refuses from 2026-11-23T19:09:00.000Z on.',
        'Enforcement is certain by 2026-11-23T19:08:42.000Z (in 12 s), whatever happens.',
      ],
    ],
    [
      'in grace',
      of({ ...counts(1, 1, 0, 0), graceEndsAt: '2026-11-23T19:08:41.000Z', stragglers: [] }),
      [
        'Still in grace until 19:08:41Z.',
        'Enforcement is certain by 2026-11-23T19:08:42.000Z (in 12 s), whatever happens.',
      ],
    ],
    ['lifted', of({ state: 'lifted' }), ['It was lifted: nothing is to be enforced any more.']],
  ])('%s', ([, enforcement, lines]) => {
    expect(enforcementText(enforcement)).toEqual(lines)
  })
})
