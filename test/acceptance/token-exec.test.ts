import { describe, expect, it } from 'vitest'
import { type Home, makeAuthority } from './harness.ts'

const exec = (...words: readonly string[]): string[] => [
  'token',
  'exec',
  '--client',
  'bot',
  ...words,
]

/** The states of everything that was ever issued. */
async function states(home: Home): Promise<string[]> {
  const { items } = await home.json(['token', 'list'])
  return items.map(({ state }: { readonly state: string }) => state)
}

/** A script that says that it runs, and ends when it is told to by one of these signals, with 7. */
const WAITING = `
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => process.exit(7))
setInterval(() => undefined, 1000)
process.stdout.write('runs\\n')
`

describe('token exec', () => {
  it('gives the program a token that is good, and leaves none when it has ended', async () => {
    const home = await makeAuthority('read')
    const script = await home.write('job.sh', 'credctl token verify - <<< "$ACCESS_TOKEN" >&2\n')
    const { status, err } = await home.run(exec('--', 'bash', script))
    expect({ status, err }).toMatchObject({ status: 0, err: expect.stringMatching(/accepted/i) })
    expect(await states(home)).toEqual(['revoked'])
  })

  it('passes on how the program ended, and revokes all the same', async () => {
    const home = await makeAuthority('read')
    expect((await home.run(exec('--', 'sh', '-c', 'exit 3'))).status).toBe(3)
    expect((await home.run(exec('--', 'sh', '-c', 'kill -9 $$'))).status).toBe(137)
    expect(await states(home)).toEqual(['revoked', 'revoked'])
  })

  it('says that there is no such program, or none that can be run', async () => {
    const home = await makeAuthority('read')
    const missing = await home.run(exec('--', 'no-such-program'))
    expect(missing).toMatchObject({ status: 127, err: expect.stringMatching(/no such program/) })
    const plain = await home.write('plain.txt', 'text')
    const refused = await home.run(exec('--', plain))
    expect(refused).toMatchObject({ status: 126, err: expect.stringMatching(/EACCES/) })
    expect(await states(home)).toEqual(['revoked', 'revoked'])
  })

  it.for(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const)(
    'hands %s on, waits for the program, and revokes',
    async (signal) => {
      const home = await makeAuthority('read')
      const script = await home.write('job.mjs', WAITING)
      const running = home.start(exec('--', process.execPath, script))
      await running.firstLine
      running.kill(signal)
      expect(await running.done).toMatchObject({ status: 7 })
      expect(await states(home)).toEqual(['revoked'])
    },
  )

  it('counts an expired token as revoked', async () => {
    const home = await makeAuthority('read')
    const { status, err } = await home.run(exec('--ttl', '1s', '--', 'sleep', '2'))
    expect({ status, err }).toEqual({ status: 0, err: '' })
    // Within the leeway that verifiers give it is revoked all the same.
    expect(['expired', 'revoked']).toContain((await states(home))[0])
  })

  it('counts one that was revoked meanwhile as revoked', async () => {
    const home = await makeAuthority('read')
    const script = 'credctl revoke --token "$CREDCTL_EXEC" --reason other --yes >&2; exit 5'
    const { status, err } = await home.run(exec('--', 'sh', '-c', script))
    expect({ status, err }).toEqual({ status: 5, err: expect.not.stringContaining('warning') })
    expect(await states(home)).toEqual(['revoked'])
  })

  it('takes along what the program renewed', async () => {
    const home = await makeAuthority('read')
    const { status } = await home.run(exec('--', 'sh', '-c', 'credctl token renew -q >&2'))
    expect(status).toBe(0)
    expect(await states(home)).toEqual(['revoked', 'revoked'])
  })

  it('ends as the program did where nobody reads what it says', async () => {
    const home = await makeAuthority('read')
    const script = 'credctl token exec --client bot -- yes | head -n 1'
    expect(await home.shell(script)).toEqual({ status: 0, out: 'y\n', err: '' })
    expect(await states(home)).toEqual(['revoked'])
  })

  it('works from afar, also where the administrator’s token may not revoke', async () => {
    const home = await makeAuthority('read')
    const server = await home.serve()
    await home.json(['client', 'create', 'ops', '--scope', 'admin:credentials:write'])
    const issue = ['token', 'issue', '--client', 'ops', '--audience', server.issuer]
    const { token } = await home.json(issue)
    const env = { CREDCTL_SERVER: server.url, CREDCTL_TOKEN: token }
    const { status, err } = await home.run(exec('--', 'sh', '-c', 'exit 4'), { env })
    expect({ status, err }).toEqual({ status: 4, err: '' })
    const { items } = await home.json(['token', 'list', '--client', 'bot'])
    expect(items).toEqual([expect.objectContaining({ state: 'revoked' })])
  })

  it('passes on how the program ended where the authority is gone by then, and says so', async () => {
    const home = await makeAuthority('read')
    const server = await home.serve()
    const scopes = ['admin:credentials:write', 'admin:revocations:write']
    await home.json(['client', 'create', 'ops', '--scope', scopes.join(',')])
    const issue = ['token', 'issue', '--client', 'ops', '--audience', server.issuer]
    const { token } = await home.json(issue)
    const env = { CREDCTL_SERVER: server.url, CREDCTL_TOKEN: token }
    // It ends when it is told to, by a file, and not before the authority is gone.
    const script = 'echo runs; until [ -e "$0" ]; do sleep 0.05; done; exit 6'
    const running = home.start(exec('--', 'sh', '-c', script, home.path('gone')), { env })
    await running.firstLine
    await server.stop()
    await home.write('gone', '')
    const { status, err } = await running.done
    expect({ status, err }).toEqual({
      status: expect.any(Number),
      err: expect.stringMatching(/warning: cred_\S+ could not be revoked .*it expires at 20/),
    })
    expect(status).toBe(6)
  })

  it('hands down no other credential, and does not run inside of itself', async () => {
    const home = await makeAuthority('read')
    const env = {
      CREDCTL_TOKEN: 'secret-1',
      CREDCTL_ID_TOKEN: 'secret-2',
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'secret-3',
      ACCESS_TOKEN: 'secret-4',
      BUILDKITE_AGENT_ACCESS_TOKEN: 'secret-5',
      CIRCLE_OIDC_TOKEN_V2: 'secret-6',
      AWS_WEB_IDENTITY_TOKEN_FILE: '/secret-7',
      SYSTEM_ACCESSTOKEN: 'wanted',
      KEPT: 'kept',
    }
    const { out } = await home.run(
      exec('--env', 'DEPLOY_TOKEN', '--keep-env', 'SYSTEM_ACCESSTOKEN', '--', 'env'),
      { env },
    )
    expect(out).not.toMatch(/secret-/)
    expect(out).toMatch(/^KEPT=kept$/m)
    expect(out).toMatch(/^SYSTEM_ACCESSTOKEN=wanted$/m)
    expect(out).toMatch(/^DEPLOY_TOKEN=eyJ/m)
    expect(out).toMatch(/^DEPLOY_TOKEN_EXPIRES_AT=20\d\d-/m)
    const nested = await home.run(
      exec('--', 'credctl', 'token', 'exec', '--client', 'bot', '--', 'true'),
    )
    expect(nested).toMatchObject({ status: 2, err: expect.stringMatching(/inside of/) })
    expect(await states(home)).toEqual(['revoked', 'revoked'])
  })

  it('issues nothing where the command line is wrong', async () => {
    const home = await makeAuthority('read')
    expect((await home.run(exec())).status).toBe(2)
    expect((await home.run(exec('--env', '1x', '--', 'true'))).status).toBe(2)
    expect((await home.run(exec('--scope', 'admin', '--', 'true'))).status).toBe(5)
    expect(await states(home)).toEqual([])
  })
})
