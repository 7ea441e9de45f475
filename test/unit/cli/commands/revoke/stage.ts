import { expect } from 'vitest'
import { createWorld, type TestWorld, type WorldOptions } from '../../../world.ts'
import { type Ran, runCli, type Scene } from '../../harness.ts'

export interface Stage {
  readonly world: TestWorld
  /** Tokens of `deploy-bot` (two) and of `reader` (one). */
  readonly tokens: readonly { readonly id: string; readonly token: string }[]
  /** The real command line before the real authority. */
  readonly run: (argv: Scene['argv'], scene?: Omit<Scene, 'argv'>) => Promise<Ran>
  readonly stateOf: (id: string) => Promise<string>
}

export async function stage(options: WorldOptions = {}): Promise<Stage> {
  const world = await createWorld(options)
  const { admin } = world
  await admin.createClient({ id: 'deploy-bot', scopes: ['deploy:prod'] })
  await admin.createClient({ id: 'reader', scopes: ['read'], audiences: ['https://api.example'] })
  const first = await admin.issueTokens({ clientId: 'deploy-bot', count: 2, tags: { run: '7' } })
  const second = await admin.issueTokens({ clientId: 'reader', subject: 'alice' })
  return {
    world,
    tokens: [...first.items, ...second.items].map(({ token, credential }) => ({
      token,
      id: credential.id,
    })),
    run: (argv, scene = {}) => runCli({ argv, admin, clock: world.clock, ...scene }),
    stateOf: async (id) => (await admin.showCredential({ id })).state,
  }
}

export const idOf = ({ tokens }: Stage, at: number): string => tokens[at]?.id ?? ''
export const tokenOf = ({ tokens }: Stage, at: number): string => tokens[at]?.token ?? ''

export interface Row extends Omit<Scene, 'argv'> {
  /** `$0` to `$2` are the ids of the tokens on the stage. */
  readonly argv: string
  readonly status: number
  readonly out?: string | RegExp
  readonly err?: string | RegExp
  /** Which of the three tokens are revoked afterwards. */
  readonly dead?: readonly number[]
}

const filled = (it: Stage, text: string): string =>
  text.replaceAll(/\$(\d)/g, (_, at: string) => idOf(it, Number(at)))

export async function play(row: Row): Promise<void> {
  const it = await stage()
  const { argv, status, out = '', err = '', dead = [], ...scene } = row
  const ran = await it.run(filled(it, argv), {
    ...scene,
    ...(scene.stdin === undefined ? {} : { stdin: filled(it, scene.stdin) }),
  })
  const states = await Promise.all([0, 1, 2].map((at) => it.stateOf(idOf(it, at))))
  expect({
    status: ran.status,
    out: ran.out,
    err: ran.err,
    dead: states.flatMap((state, at) => (state === 'revoked' ? [at] : [])),
  }).toEqual({
    status,
    out: typeof out === 'string' ? out : expect.stringMatching(out),
    err: typeof err === 'string' ? err : expect.stringMatching(err),
    dead,
  })
  expect(it.world.faults).toEqual([])
}
