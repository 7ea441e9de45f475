import { describe, expect, it } from 'vitest'
import { runSimulation } from '#boot/sim.ts'
import {
  scenarioNames,
  type SimulationReport,
  type SimulationRequest,
} from '#contract/simulation.ts'
import { forgetKey } from '../../../../sim/requests.ts'
import { check, runCli } from '../../harness.ts'

const report: SimulationReport = {
  scenario: 'clock-skew',
  seed: 1,
  seeds: 1,
  traceHash: 'ab'.repeat(32),
  decisions: 21_600,
  falseAccepts: 0,
  falseRefusals: 0,
  naive: {
    falseAccepts: 214,
    falseRefusals: 1,
    exposureMs: { p50: 0, p99: 290_000, max: 298_000 },
    leewayMs: 2000,
  },
  exposureMs: { p50: 1508, p99: 1716, max: 1733 },
  boundMs: 2000,
  verifiers: [
    {
      name: 'api-1',
      offsetMs: -300_000,
      decisions: 10_800,
      falseAccepts: 0,
      falseRefusals: 0,
      driftPpm: -12,
      naive: { falseAccepts: 214, falseRefusals: 0 },
    },
    {
      name: 'api-2',
      offsetMs: 0,
      decisions: 10_800,
      falseAccepts: 0,
      falseRefusals: 0,
      driftPpm: 3,
      naive: { falseAccepts: 0, falseRefusals: 1 },
    },
  ],
  violations: [],
  stale: 0,
  tokens: 88,
  renewals: 0,
  revocations: 0,
  staleMs: 0,
  bytesPerVerifier: 0,
  events: 5000,
  virtualSeconds: 4253,
  faults: [{ seed: 1, drawn: ['network: messages take 2 to 80 ms', 'clocks: drift of ±3 ppm'] }],
  seen: { accepted: 9 },
}

const broken: SimulationReport = {
  ...report,
  violations: [
    {
      seed: 7,
      invariant: 'I3',
      verifier: 'api-2',
      at: '2026-11-23T19:08:00.000Z',
      story: ['first this', 'then that'],
      replay: 'credctl simulate run clock-skew --seed 7',
    },
  ],
}

/** What the simulator was asked for. */
async function askedFor(argv: string): Promise<SimulationRequest | undefined> {
  let asked: SimulationRequest | undefined
  const { err, status } = await runCli({
    argv,
    simulate: async (request) => {
      asked = request
      return report
    },
  })
  expect({ status, err }).toEqual({ status: 0, err: expect.stringContaining('5000 events') })
  return asked
}

describe('simulate list', () => {
  it('lists every scenario', () =>
    check({
      argv: 'simulate list -q',
      status: 0,
      out: scenarioNames.map((name) => `${name}\n`).join(''),
    }))
})

describe('simulate run', () => {
  it('tells the faults first, then what came of them', async () => {
    const { out } = await runCli({ argv: 'simulate run clock-skew', simulate: async () => report })
    const lines = out.split('\n')
    expect(lines.slice(0, 7)).toEqual([
      'Faults drawn from seed 1:',
      '  network: messages take 2 to 80 ms',
      '  clocks: drift of ±3 ppm',
      '',
      '21,600 decisions on 88 tokens in 1h10m53s of virtual time, each judged twice.',
      'The naive check accepted expired tokens 214 times, for up to 4m58s after their expiry, and refused valid ones once.',
      'Ours did neither: its last acceptance came 1.733s after an expiry, within the bound of 2s.',
    ])
    expect(out).toMatch(/api-1 +5m behind +0 +0 +214 +0/)
    expect(out).toMatch(/api-2 +right +0 +0 +0 +1/)
  })

  it('prints the report as JSON, whole, and nothing else', async () => {
    const argv = 'simulate run clock-skew -o json'
    const { out, err } = await runCli({ argv, simulate: async () => report })
    expect(JSON.parse(out)).toEqual(report)
    expect(err).toBe('')
  })

  it('exits 1 with the story and the command that shows it again, where ours broke', async () => {
    const { status, out, err } = await runCli({
      argv: 'simulate run clock-skew',
      simulate: async () => broken,
    })
    expect(status).toBe(1)
    expect(out).toContain('Ours broke an invariant once.')
    expect(err).toContain('I3 broke at api-2 (seed 7):\n  first this\n  then that\n')
    expect(err).toContain('[simulation-failed]')
    expect(err).toContain('next: credctl simulate run clock-skew --seed 7')
  })

  it('exits 1 under -o json too, with the violations in the report', async () => {
    const { status, out } = await runCli({
      argv: 'simulate run clock-skew -o json',
      simulate: async () => broken,
    })
    expect(status).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ violations: [{ seed: 7, invariant: 'I3' }] })
  })

  it('has defaults', async () => {
    expect(await askedFor('simulate run lifecycle')).toEqual({
      scenario: 'lifecycle',
      seed: 1,
      seeds: 1,
      verifiers: 10,
      minutes: 60,
      skewSeconds: 30,
      ttlSeconds: 600,
      leewaySeconds: 2,
      naiveLeewaySeconds: 2,
    })
  })

  it('has others where things are revoked, and knobs for them', async () => {
    expect(await askedFor('simulate run swarm')).toMatchObject({
      verifiers: 40,
      minutes: 5,
      ttlSeconds: 90,
    })
    const asked = await askedFor('simulate run partition --mode strict --loss 5 --verifiers 7')
    expect(asked).toMatchObject({ mode: 'strict', lossPercent: 5, verifiers: 7 })
  })

  it('tells how long what was revoked was accepted, and what it cost', async () => {
    const exposureMs = { p50: 0, p99: 1203, max: 9920 }
    const { out } = await runCli({
      argv: 'simulate run swarm',
      simulate: async () => ({
        ...report,
        scenario: 'swarm',
        exposureMs,
        boundMs: 10_000,
        revocations: 31,
        renewals: 134,
        staleMs: 90_000,
        bytesPerVerifier: 301_610,
      }),
    })
    expect(out).toContain(
      '21,600 decisions on 88 tokens, 31 revocations and 134 renewals in 1h10m53s',
    )
    expect(out).toContain('p50 0s, p99 1.203s, at most 9.92s, within the bound of 10s.')
    expect(out).toContain(
      '0 false accepts and 0 false refusals of ours, 214 false accepts of the naive',
    )
    expect(out).toContain('could not know for 1.5 minutes a run')
    expect(out).toContain('301,610 bytes a run')
    expect(out).toContain('No invariant broke.')
  })

  it('takes the leeway for both checks, unless the naive one has its own', async () => {
    const both = await askedFor('simulate run clock-skew --leeway 5s --skew 0')
    expect(both).toMatchObject({ leewaySeconds: 5, naiveLeewaySeconds: 5, skewSeconds: 0 })
    const own = await askedFor('simulate run clock-skew --naive-leeway 0 --seed 4294967295')
    expect(own).toMatchObject({ leewaySeconds: 2, naiveLeewaySeconds: 0, seed: 4_294_967_295 })
  })

  it.for([
    ['simulate run', /SCENARIO/],
    ['simulate run nonsense', /none of lifecycle, clock-skew, partition/],
    ['simulate run clock-skew --ttl 0', /--ttl: it is zero/],
    ['simulate run clock-skew --ttl 25h', /--ttl: it is more than 1d/],
    ['simulate run clock-skew --skew 2d', /--skew: it is more than 1d/],
    ['simulate run clock-skew --leeway 2h', /--leeway: it is more than 1h/],
    ['simulate run clock-skew --naive-leeway 2h', /--naive-leeway: it is more than 1h/],
    ['simulate run lifecycle --mode strict', /--mode: it has no part in lifecycle, only in part/],
    ['simulate run clock-skew --loss 0', /--loss: it has no part in clock-skew/],
    ['simulate replay --seed 1 --scenario lifecycle --loss 5', /--loss: it has no part in life/],
    ['simulate run clock-skew --verifiers 0', /--verifiers/],
    ['simulate run clock-skew --verifiers 1001', /--verifiers/],
    ['simulate run clock-skew --minutes 0', /--minutes/],
    ['simulate replay', /--seed/],
    ['simulate replay --seed 4294967296', /--seed/],
    ['simulate run clock-skew --seeds 0', /--seeds/],
    ['simulate run swarm --loss 91', /--loss/],
    ['simulate run swarm --mode lax', /--mode/],
    ['simulate run clock-skew --seed 4294967296', /--seed/],
    ['simulate run clock-skew --seed x', /--seed/],
  ] as const)('refuses %s', ([argv, err]) => check({ argv, status: 2, err }))

  it('runs the real thing', async () => {
    const { status, out } = await runCli({
      argv: 'simulate run clock-skew --skew 5m --ttl 1m --minutes 2 --verifiers 3 -o json',
      simulate: (request, onProgress) => runSimulation(request, { onProgress }),
    })
    expect(status).toBe(0)
    const real = JSON.parse(out) as SimulationReport
    expect(real).toMatchObject({ falseAccepts: 0, falseRefusals: 0, violations: [] })
    expect(0 < real.naive.falseAccepts).toBe(true)
    expect(Object.keys(real).slice(0, 4)).toEqual(['scenario', 'seed', 'seeds', 'traceHash'])
  })

  it('names every fact of its own report in a replay', async () => {
    const bug = { call: forgetKey }
    const request: SimulationRequest = {
      scenario: 'clock-skew',
      seed: 1,
      seeds: 3,
      verifiers: 2,
      minutes: 6,
      skewSeconds: 90,
      ttlSeconds: 120,
      leewaySeconds: 3,
      naiveLeewaySeconds: 60,
    }
    const { violations } = await runSimulation(request, { bug })
    const [first] = violations
    expect(first?.replay).toBe(
      `credctl simulate replay --seed ${first?.seed} --scenario clock-skew --skew 1m30s --leeway 3s --naive-leeway 1m --ttl 2m --verifiers 2 --minutes 6`,
    )
    const again = await askedFor(first?.replay.replace('credctl ', '') ?? '')
    expect(again).toEqual({ ...request, seed: first?.seed, seeds: 1 })
  })
})
