import { describe, expect, it } from 'vitest'
import { refuse } from '#kernel/problem.ts'
import { ciStage } from './stage.ts'

async function held() {
  const stage = await ciStage()
  const { out } = await stage.runJob('token issue --ci -o token')
  return { ...stage, token: out.trim() }
}

describe('token revoke-self', () => {
  it.for([
    ['stdin', 'token revoke-self -', (stdin: string) => ({ stdin })],
    ['a file', 'token revoke-self --token-file f', (f: string) => ({ files: { f: `${f}\n` } })],
    ['a variable', 'token revoke-self --env T', (T: string) => ({ env: { T } })],
    ['what a job has', 'token revoke-self', (t: string) => ({ env: { ACCESS_TOKEN: t } })],
    ['what else it has', 'token revoke-self', (t: string) => ({ env: { CREDCTL_TOKEN: t } })],
  ] as const)('ends the token of %s', async ([, argv, scene]) => {
    const { runJob, token, states } = await held()
    const ran = await runJob(argv, { env: {}, ...scene(token) })
    expect(ran).toMatchObject({ status: 0, err: '', out: expect.stringMatching(/^Revoked\./) })
    expect(await states()).toEqual(['revoked'])
  })

  it('tells apart how the token stood, and succeeds', async () => {
    const { runJob, token, world } = await held()
    const result = async (stdin: string) => {
      const { status, out } = await runJob('token revoke-self - -o json', { stdin })
      expect(status).toBe(0)
      return JSON.parse(out)
    }
    const credentialId = expect.stringMatching(/^cred_/)
    expect(await result(token)).toEqual({ result: 'revoked', credentialId })
    expect(await result(token)).toEqual({ result: 'already-revoked', credentialId })
    expect(await result('x')).toEqual({ result: 'unknown' })
    const { out: other } = await runJob('token issue --ci -o token')
    world.clock.advance(3_600_000)
    expect(await result(other)).toEqual({ result: 'expired', credentialId })
    const strange = await runJob('token revoke-self -', { stdin: 'x' })
    expect(strange).toMatchObject({ status: 0, err: expect.stringMatching(/knows no such token/) })
    expect(strange.out).toMatch(/^Nothing to revoke\./)
  })

  it.for(['in', 'out', 'err'] as const)(
    'at a terminal (std%s) never takes a token that was not named',
    async (stream) => {
      const { runJob, token, states } = await held()
      const env = { ACCESS_TOKEN: token }
      const { status } = await runJob('token revoke-self', { env, tty: [stream] })
      expect(status).toBe(2)
      expect(await states()).toEqual(['active'])
      const named = await runJob('token revoke-self --env ACCESS_TOKEN', { env, tty: [stream] })
      expect(named.status).toBe(0)
    },
  )

  it.for([
    ['nothing', 'token revoke-self', {}],
    ['empty variables', 'token revoke-self', { env: { ACCESS_TOKEN: '', CREDCTL_TOKEN: '' } }],
    ['two different ones', 'token revoke-self', { env: { ACCESS_TOKEN: 'a', CREDCTL_TOKEN: 'b' } }],
    ['empty stdin', 'token revoke-self -', { stdin: ' \n' }],
    ['no such variable', 'token revoke-self --env T', {}],
    ['two sources', 'token revoke-self - --env T', { env: { T: 'a' }, stdin: 'b' }],
  ] as const)('with %s is a usage error', async ([, argv, scene]) => {
    const { runJob } = await held()
    expect((await runJob(argv, { env: {}, ...scene })).status).toBe(2)
  })

  it('is for another time where the authority cannot be reached', async () => {
    const stage = await ciStage()
    stage.intercept = (inner) => ({
      ...inner,
      post: async () => refuse('authority-unreachable', 'no answer'),
    })
    const ran = await stage.runJob('token revoke-self -', { stdin: 'x' })
    expect(ran.status).toBe(75)
  })
})

describe('token exec --ci', () => {
  it('gives the program its own token, masked, hands down nothing of the identity, and ends it', async () => {
    const { runJob, jobToken, states } = await ciStage()
    const env = {
      GITHUB_ACTIONS: 'true',
      CREDCTL_TOKEN: 'a',
      CREDCTL_ID_TOKEN_FILE: 'f',
      MINE: await jobToken(),
      KEPT: 'kept',
    }
    const { status, err, children } = await runJob(
      'token exec --ci --id-token-variable MINE --scope deploy:prod -- ./deploy.sh',
      { env, childStatus: 3 },
    )
    expect(status).toBe(3)
    const given = children[0]?.env ?? {}
    expect(given).toMatchObject({ KEPT: 'kept', ACCESS_TOKEN: expect.stringMatching(/^eyJ/) })
    expect(Object.keys(given)).not.toEqual(expect.arrayContaining(['MINE']))
    expect(Object.keys(given)).not.toEqual(expect.arrayContaining(['CREDCTL_ID_TOKEN_FILE']))
    expect(err).toBe(`::add-mask::${given['ACCESS_TOKEN']}\n`)
    expect(await states()).toEqual(['revoked'])
  })

  it('starts nothing where the job is not let in', async () => {
    const { runJob, jobToken } = await ciStage()
    const env = { CREDCTL_ID_TOKEN: await jobToken({ ref: 'x' }) }
    const { status, err, children } = await runJob('token exec --ci -- ./deploy.sh', { env })
    expect([status, children]).toEqual([5, []])
    expect(err).toMatch(/^NO +ref +refs\/heads\/main +x$/m)
  })

  it('passes on how the program ended also where the token cannot be ended, and says so', async () => {
    const stage = await ciStage()
    stage.intercept = (inner) => ({
      ...inner,
      post: async (endpoint, fields) =>
        endpoint === 'token'
          ? inner.post(endpoint, fields)
          : refuse('authority-unreachable', 'no answer'),
    })
    const { status, err } = await stage.runJob('token exec --ci -- ./deploy.sh')
    expect([status, err]).toEqual([0, expect.stringMatching(/could not be revoked.*it expires at/)])
  })
})
