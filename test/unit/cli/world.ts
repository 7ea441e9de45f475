import { expect } from 'vitest'
import { createWorld, LOCAL, type TestWorld, type WorldOptions } from '../world.ts'
import { type Ran, runCli, type Scene } from './harness.ts'

/** The real command line before the real authority, both at the same standing time. */
export interface CliWorld {
  readonly world: TestWorld
  readonly run: (argv: Scene['argv'], scene?: Omit<Scene, 'argv'>) => Promise<Ran>
  /** Runs with `-o json`, expects success and reads what was printed. */
  readonly json: (argv: string, scene?: Omit<Scene, 'argv'>) => Promise<unknown>
  /** Runs a row of a table and compares; texts are exact, patterns are sought. */
  readonly check: (row: WorldRow) => Promise<void>
}

export interface WorldRow extends Scene {
  readonly status: number
  readonly out?: string | RegExp
  readonly err?: string | RegExp
}

export async function cliWorld(options: WorldOptions = {}): Promise<CliWorld> {
  const world = await createWorld(options)
  const run: CliWorld['run'] = (argv, scene = {}) =>
    runCli({
      argv,
      connect: (connecting) => scene.admin ?? world.as(LOCAL, connecting),
      now: world.clock.now(),
      clock: world.clock,
      ...scene,
    })
  return {
    world,
    run,
    async json(argv, scene) {
      const { status, out, err } = await run(`${argv} -o json`, scene)
      expect({ status, err }).toEqual({ status: 0, err: '' })
      return JSON.parse(out) as unknown
    },
    async check({ argv, status, out = '', err = '', ...scene }) {
      const ran = await run(argv, scene)
      expect({ status: ran.status, out: ran.out, err: ran.err }).toEqual({
        status,
        out: typeof out === 'string' ? out : expect.stringMatching(out),
        err: typeof err === 'string' ? err : expect.stringMatching(err),
      })
      expect(world.faults).toEqual([])
    },
  }
}
