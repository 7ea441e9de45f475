import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { runSimulation } from '#boot/sim.ts'
import type { SimulationReport, SimulationRequest } from '#contract/simulation.ts'
import { root } from '../tidy/planted.ts'
import { small } from './requests.ts'

const run = promisify(execFile)
const script = fileURLToPath(new URL('./replay.ts', import.meta.url))
const inProcess = async (node: string, request: SimulationRequest): Promise<SimulationReport> => {
  const argv = [script, JSON.stringify(request)]
  const { stdout } = await run(node, argv, { cwd: root, maxBuffer: 64 * 1024 * 1024 })
  return JSON.parse(stdout) as SimulationReport
}

const requests: readonly SimulationRequest[] = [
  { ...small, seed: 3 },
  { ...small, seed: 11, scenario: 'lifecycle', ttlSeconds: 60 },
  // Seeds that ten divides verify every signature anew, others remember: the trace is the same kind.
  { ...small, seed: 20, minutes: 5 },
]

describe('one seed', () => {
  it.for(requests)('of $scenario, $seed, is one run, to the last figure', async (request) => {
    const first = await runSimulation(request)
    expect(first.traceHash).toMatch(/^[0-9a-f]{64}$/)
    expect(await runSimulation(request)).toEqual(first)
  })

  it('and another seed is another run', async () => {
    const hashes = new Set<string>()
    for (let seed = 1; seed <= 5; seed++) {
      hashes.add((await runSimulation({ ...small, minutes: 3, seed })).traceHash)
    }
    expect(hashes.size).toBe(5)
  })

  it('is one run under load, in several processes at once', async () => {
    const [request] = requests as [SimulationRequest]
    const here = await runSimulation(request)
    const there = await Promise.all(
      Array.from({ length: 4 }, () => inProcess(process.execPath, request)),
    )
    for (const report of there) expect(report).toEqual(here)
  })

  it('is one run on every Node there is', async ({ skip }) => {
    const nodes = ['node24/bin/node', 'node/bin/node'].map((path) =>
      join(root, 'node_modules', path),
    )
    const present = nodes.filter((path) => existsSync(path))
    skip(present.length < 2, 'there is only one Node here')
    for (const request of requests) {
      const here = await runSimulation(request)
      for (const node of present) expect(await inProcess(node, request)).toEqual(here)
    }
  })

  it('tells several seeds as the sum of them', async () => {
    const request = { ...small, minutes: 4 }
    const both = await runSimulation({ ...request, seeds: 2 })
    const one = await runSimulation(request)
    const two = await runSimulation({ ...request, seed: 2 })
    expect(both.decisions).toBe(one.decisions + two.decisions)
    expect(both.naive.falseAccepts).toBe(one.naive.falseAccepts + two.naive.falseAccepts)
    expect(both.faults).toEqual([...one.faults, ...two.faults])
    expect(both.exposureMs.max).toBe(Math.max(one.exposureMs.max, two.exposureMs.max))
    expect(both.verifiers.map(({ decisions }) => decisions)).toEqual(
      one.verifiers.map(({ decisions }, i) => decisions + (two.verifiers[i]?.decisions ?? 0)),
    )
  })
})
