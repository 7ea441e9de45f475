import { existsSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { JobClaims } from './ci-issuer.ts'
import { type CiStage, ciStage } from './ci-stage.ts'
import { makeHome } from './harness.ts'

const JOB = { repository_id: '123456789', ref: 'refs/heads/main', environment: 'production' }
const ISSUE = ['token', 'issue', '--ci', '--scope', 'deploy:prod']

/** A job that has this identity token, over the network. */
const asJob =
  ({ machine, env, issuer }: CiStage) =>
  (argv: readonly string[], token: string) =>
    machine.run(argv, { env: { ...env, CREDCTL_SERVER: issuer, CREDCTL_ID_TOKEN: token } })

describe('an identity token that is not good', () => {
  it('gets nothing, and its job sees why, claim by claim', async () => {
    const stage = await ciStage('github-actions')
    const { ci, issuer } = stage
    const run = asJob(stage)
    const seconds = Math.floor(Date.now() / 1000)
    const good = await ci.sign(issuer, JOB)
    expect((await run([...ISSUE, '-o', 'token'], good)).status).toBe(0)
    const sign = (claims: JobClaims, audience = issuer) => ci.sign(audience, { ...JOB, ...claims })
    const forged = await ci.sign(issuer, JOB, { isForged: true })
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ['replayed', good, /^NO +jti +one that was not used before +job-\d+$/m],
      ['forged', forged, /^NO +signature +by a key of \S+ +does not hold \(RS256, key ci\)$/m],
      ['expired', await sign({ exp: seconds - 60 }), /^NO +exp +later than \S+ +\S+$/m],
      ['for another', await sign({}, 'https://b.example'), /^NO +aud +\S+ +https:\/\/b.example$/m],
      ['of another branch', await sign({ ref: 'refs/heads/x' }), /^NO +ref +\S+ +refs\/heads\/x$/m],
      [
        'without environment',
        await sign({ environment: undefined }),
        /^NO +environment +production +MISSING$/m,
      ],
      [
        'of a stranger',
        await sign({ iss: 'https://x.example' }),
        /^NO +iss +one that a trust names +https:\/\/x.example$/m,
      ],
    ]
    for (const [name, token, line] of cases) {
      const { status, out, err } = await run([...ISSUE, '-o', 'token'], token)
      expect({ name, status, out }).toEqual({ name, status: 5, out: '' })
      expect(err, name).toMatch(line)
      expect(err, name).not.toContain(token)
    }
    const inJson = await run([...ISSUE, '-o', 'json'], await sign({ ref: 'refs/heads/x' }))
    expect(JSON.parse(inJson.err)).toMatchObject({
      code: 'trust-unmatched',
      requestId: expect.stringMatching(/^req_/),
      facts: { trusts: [{ trustId: 'github-deploys', mode: 'enforce' }] },
    })
    expect(await stage.issued()).toHaveLength(1)
  })
})

describe('over the network', () => {
  it('a token goes into a file of one’s own, and its holder gives it back with nothing but it', async () => {
    const stage = await ciStage('github-actions')
    const { ci, issuer, machine, env } = stage
    const out = machine.path('t')
    const issued = await asJob(stage)([...ISSUE, '--out-file', out], await ci.sign(issuer, JOB))
    expect(issued).toMatchObject({ status: 0, out: expect.not.stringMatching(/eyJ/) })
    expect(statSync(out).mode & 0o777).toBe(0o600)
    const remote = { ...env, CREDCTL_SERVER: issuer }
    const giveBack = ['token', 'revoke-self', '--token-file', out, '-o', 'json']
    const first = await machine.json(giveBack, { env: remote })
    expect(first).toMatchObject({ result: 'revoked' })
    expect(await machine.json(giveBack, { env: remote })).toMatchObject({
      result: 'already-revoked',
    })
    // A client’s with a secret, which its holder does not have.
    const { authority } = stage
    await authority.json(['client', 'create', 'api', '--scope', 'read', '--auth', 'secret'])
    const { token } = await authority.json(['token', 'issue', '--client', 'api'])
    const held = ['token', 'revoke-self', '-', '-o', 'json']
    expect(await machine.json(held, { env: remote, stdin: token })).toMatchObject({
      result: 'revoked',
    })
  })

  it('an authority that goes by another name gets no identity token made for that', async () => {
    const stage = await ciStage('github-actions')
    const { ci, issuer, machine } = stage
    const { env, asked } = ci.github(JOB)
    const elsewhere = issuer.replace('127.0.0.1', 'localhost')
    const run = (more: readonly string[] = []) =>
      machine.run([...ISSUE, '--server', elsewhere, '-o', 'token', ...more], {
        env: { ...stage.env, ...env },
      })
    expect(await run()).toMatchObject({ status: 2, err: expect.stringMatching(/calls itself/) })
    expect(asked).toEqual([])
    expect(await run(['--id-token-audience', issuer])).toMatchObject({ status: 0 })
    expect(asked).toHaveLength(1)
  })

  it('an authority on trial, on a free port of this machine, need not be found by its name', async () => {
    const { ci, machine, env: trusted } = await ciStage('github-actions')
    const trying = async (issuer: string) => {
      const home = await makeHome()
      await home.json(['init', '--issuer', issuer])
      const { url } = await home.serve()
      const env = { ...trusted, ...ci.github(JOB).env }
      const { status, err } = await machine.run([...ISSUE, '--server', url, '-o', 'token'], { env })
      return { status, isNamed: /calls itself/.test(err) }
    }
    // No trust lets the job in, which is asked only once there is an identity token.
    expect(await trying('http://127.0.0.1:7420')).toEqual({ status: 5, isNamed: false })
    expect(await trying('https://auth.example.com')).toEqual({ status: 2, isNamed: true })
  })

  it('a CI system or an authority that does not answer is for another time', async () => {
    const machine = await makeHome()
    const dead = 'https://127.0.0.1:9'
    const github = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${dead}/token?v=1`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x',
    }
    const audience = ['--id-token-audience', 'a', '--server', dead, '-o', 'token']
    const first = await machine.run([...ISSUE, ...audience], { env: github })
    expect(first).toMatchObject({ status: 75, err: expect.stringMatching(/CI system/) })
    const giveBack = ['token', 'revoke-self', '-', '--server', dead]
    expect((await machine.run(giveBack, { stdin: 'x' })).status).toBe(75)
  })
})

describe('on the machine of the authority', () => {
  it('the same exchange is made in this very process, and through the socket of one that serves', async () => {
    const stage = await ciStage('github-actions')
    const { authority, ci, issuer, env } = stage
    const job = async () => ({ ...env, CREDCTL_ID_TOKEN: await ci.sign(issuer, JOB) })
    const exec = ['token', 'exec', '--ci', '--scope', 'deploy:prod', '--', 'touch', 'ran']
    expect(await authority.run(exec, { env: await job() })).toMatchObject({ status: 0, err: '' })
    const alone = await makeHome()
    await alone.json(['init', '--issuer', issuer])
    await alone.json(['client', 'create', 'bot', '--scope', 'deploy:prod'])
    const trust = ['trust', 'create', 't', '--form', 'github-actions', '--client', 'bot']
    const claims = ['--claim', 'repository_id=123456789', '--claim', 'ref=refs/heads/main']
    const here = ['--issuer', ci.issuer, '--allow-private', '--scope', 'deploy:prod']
    await alone.json([...trust, ...claims, ...here])
    expect(await alone.run(exec, { env: await job() })).toMatchObject({ status: 0, err: '' })
    expect(existsSync(alone.path('ran'))).toBe(true)
    for (const home of [authority, alone]) {
      const { items } = await home.json(['token', 'list'])
      expect(items).toMatchObject([{ state: 'revoked' }])
    }
    const wrong = { ...env, CREDCTL_ID_TOKEN: await ci.sign(issuer, { ...JOB, ref: 'x' }) }
    const refused = await alone.run(exec, { env: wrong })
    expect(refused).toMatchObject({ status: 5, err: expect.stringMatching(/^NO +ref /m) })
  })
})
