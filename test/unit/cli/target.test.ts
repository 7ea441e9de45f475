import { describe, expect, it } from 'vitest'
import type { Context, Environment, Target } from '#cli/kit.ts'
import { defineCommand } from '#cli/command.ts'
import { main } from '#cli/main.ts'
import type { Admin } from '#contract/admin-api.ts'
import { type Scene, runCli } from './harness.ts'

const ask = defineCommand({
  path: ['ask'],
  summary: 'Ask',
  args: {},
  flags: {},
  examples: [],
  output: [],
  async run(kit) {
    // Twice, and still one connection.
    await kit.admin()
    await kit.admin()
    return {}
  },
})
const table = {
  nouns: {},
  rows: [{ path: ['ask'], summary: 'Ask', load: async () => ask }],
}
const contexts: readonly Context[] = [
  { name: 'prod', server: 'https://prod', caCert: 'prod.pem' },
  { name: 'here', dataDir: '/here' },
]
const targets = async (argv: string, env: Environment = {}, scene: Partial<Scene> = {}) =>
  (await runCli({ table, argv: `ask ${argv}`, env, contexts, admin: {}, ...scene })).targets

describe('which authority is meant', () => {
  const all = { CREDCTL_SERVER: 'https://env', CREDCTL_CONTEXT: 'prod', CREDCTL_DATA_DIR: '/env' }
  const inUse = { currentContext: 'prod' }
  it.for<readonly [string, Environment, Partial<Scene>, Target]>([
    ['', {}, {}, { kind: 'embedded' }],
    [
      '',
      {},
      inUse,
      { kind: 'remote', server: 'https://prod', caCert: 'prod.pem', context: 'prod' },
    ],
    ['', { CREDCTL_DATA_DIR: '/env' }, inUse, { kind: 'embedded', dataDir: '/env' }],
    ['', { CREDCTL_DATA_DIR: '', CREDCTL_SERVER: '' }, {}, { kind: 'embedded' }],
    ['', { CREDCTL_CONTEXT: 'here' }, inUse, { kind: 'embedded', dataDir: '/here' }],
    ['', all, inUse, { kind: 'remote', server: 'https://env' }],
    ['--data-dir /flag', all, inUse, { kind: 'embedded', dataDir: '/flag' }],
    ['--context here', all, inUse, { kind: 'embedded', dataDir: '/here' }],
    ['--server https://flag', all, inUse, { kind: 'remote', server: 'https://flag' }],
    [
      '--server https://flag --ca-cert f.pem',
      {},
      {},
      { kind: 'remote', server: 'https://flag', caCert: 'f.pem' },
    ],
    [
      '--context prod --ca-cert f.pem',
      {},
      {},
      { kind: 'remote', server: 'https://prod', caCert: 'f.pem', context: 'prod' },
    ],
  ])('%s with %o', async ([argv, env, scene, expected]) => {
    expect(await targets(argv, env, scene)).toEqual([expected])
  })

  it.for([
    ['--server https://a --data-dir /b', 2, 'only one can be meant'],
    ['--context nope', 3, 'no context of that name'],
  ] as const)('%s is refused', async ([argv, status, expected]) => {
    const ran = await runCli({ table, argv: `ask ${argv}`, contexts, admin: {} })
    expect({ status: ran.status, targets: ran.targets }).toEqual({ status, targets: [] })
    expect(ran.err).toContain(expected)
  })
})

describe('__complete', () => {
  const admin = {
    listClients: async () => ({
      items: [
        { id: 'deploy-bot', tier: 'high', state: 'enabled' },
        { id: 'odd\tone', tier: 'low', state: 'disabled' },
      ],
      nextCursor: null,
    }),
  } as unknown as Partial<Admin>
  const complete = (argv: string, scene: Partial<Scene> = {}) =>
    runCli({ argv: `__complete ${argv}`, admin, contexts, ...scene })

  it('lists values and what they are', async () => {
    const {
      status,
      out,
      targets: asked,
    } = await complete('client credctl --data-dir /x token issue --client')
    expect({ status, out }).toEqual({
      status: 0,
      out: 'deploy-bot\thigh, enabled\nodd\\tone\tlow, disabled\n',
    })
    expect(asked).toEqual([{ kind: 'embedded', dataDir: '/x' }])
    expect((await complete('context')).out).toBe('prod\thttps://prod\nhere\t/here\n')
    expect((await complete('client --server=https://s')).targets).toEqual([
      { kind: 'remote', server: 'https://s' },
    ])
  })

  it.for(['', 'nonsense', 'client', 'constructor'])('never fails: %j', async (argv) => {
    const broken = await runCli({ argv: `__complete ${argv}` })
    expect({ status: broken.status, out: broken.out, err: broken.err }).toEqual({
      status: 0,
      out: '',
      err: '',
    })
  })

  it('does not wait for an authority that does not answer', async () => {
    const listClients = (): Promise<never> => new Promise(() => undefined)
    const { status, out } = await complete('client', { admin: { listClients }, isLate: true })
    expect({ status, out }).toEqual({ status: 0, out: '' })
  })
})

describe('main', () => {
  it('answers the version from a world that has nothing else', async () => {
    let out = ''
    const io = { out: async (text: string) => void (out += text) }
    expect(await main(['--version'], { version: '1.2.3', io } as never)).toBe(0)
    expect(out).toBe('1.2.3\n')
  })
})
