import { describe, expect, it } from 'vitest'
import type { Child } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'
import { ISSUER } from '../../world.ts'
import { ciStage } from './stage.ts'

const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]{86}/
const ISSUE = 'token issue --ci --scope deploy:prod'
const URL_OF_GITHUB = 'https://runner.example/token?api-version=2.0'

describe('where the token of a job goes', () => {
  it('is nowhere unless it is said: then nothing is issued', async () => {
    const { runJob, states } = await ciStage()
    const { status, out, err } = await runJob(ISSUE)
    expect([status, out]).toEqual([2, ''])
    expect(err).toMatch(/a log is no place for it.*\n.*--out-file FILE/)
    expect((await runJob(`${ISSUE} -q`)).status).toBe(2)
    expect((await runJob(`${ISSUE} -o csv`)).status).toBe(2)
    expect((await runJob(`${ISSUE} -o token -q`)).status).toBe(2)
    expect((await runJob(`${ISSUE} -o json --fields credential.id`)).status).toBe(2)
    expect(await states()).toEqual([])
  })

  it('is stdout where its format is asked for, and that is all that is there', async () => {
    const { runJob, states } = await ciStage()
    expect((await runJob(`${ISSUE} -o token`)).out).toMatch(new RegExp(`^${TOKEN.source}\n$`))
    expect((await runJob(`${ISSUE} -o env --env DEPLOY`)).out).toMatch(
      /^DEPLOY=eyJ.*\nDEPLOY_EXPIRES_AT=/,
    )
    const { out } = await runJob(`${ISSUE} --ttl 2h -o json`)
    expect(JSON.parse(out)).toEqual({
      token: expect.stringMatching(TOKEN),
      tokenType: 'Bearer',
      expiresIn: 3600,
      clampedFrom: 7200,
      credential: {
        id: expect.stringMatching(/^cred_/),
        clientId: 'bot',
        subject: 'repo:o/r:ref:refs/heads/main',
        scopes: ['deploy:prod'],
        audience: ['https://api'],
        issuedAt: '2026-11-23T19:08:00.000Z',
        expiresAt: '2026-11-23T20:08:00.000Z',
        keyId: expect.stringMatching(/^key_/),
        sessionId: expect.stringMatching(/^cred_/),
        state: 'active',
        createdBy: 'client:bot',
        tags: {},
      },
    })
    expect(await states()).toHaveLength(3)
  })

  it('is the record’s own, as the authority keeps it', async () => {
    const { runJob, world } = await ciStage()
    const { credential } = JSON.parse((await runJob(`${ISSUE} -o json`)).out)
    expect(await world.admin.showCredential({ id: credential.id })).toEqual(credential)
  })

  it('is a new file, and stdout says all but the token', async () => {
    const { runJob } = await ciStage()
    const { status, out, err, written } = await runJob(`${ISSUE} --out-file t`)
    expect(status).toBe(0)
    expect(written.get('t')).toMatch(new RegExp(`^${TOKEN.source}\n$`))
    expect(out + err).not.toMatch(TOKEN)
    expect(out).toMatch(
      /^Issued a token to bot for deploy:prod, valid for 10m, under trust deploys\.\n/,
    )
    const again = await runJob(`${ISSUE} --out-file t`, { files: { t: 'x' } })
    expect(again).toMatchObject({ status: 2, err: expect.stringMatching(/exists/) })
  })

  it('is the outputs of the step on GitHub, if it is not asked for on stdout', async () => {
    const { runJob, jobToken, states } = await ciStage()
    const env = async () => ({ CREDCTL_ID_TOKEN: await jobToken(), GITHUB_OUTPUT: '/o' })
    const files = { '/o': '' }
    const { status, out, err, written } = await runJob(ISSUE, { env: await env(), files })
    expect(status).toBe(0)
    expect(written.get('/o')).toMatch(
      /^token=eyJ[\w.-]+\nexpires-at=2026-11-23T19:18:00\.000Z\ncredential-id=cred_\w+\n$/,
    )
    expect(out + err).not.toMatch(TOKEN)
    const printed = await runJob(`${ISSUE} -o token`, { env: await env(), files })
    expect(printed.out).toMatch(TOKEN)
    expect([...printed.written.keys()]).toEqual([])
    // No such file: told before anything is issued.
    expect((await runJob(ISSUE, { env: await env() })).status).toBe(2)
    expect(await states()).toEqual(['active', 'active'])
  })

  it('is nowhere where its id would be more lines than one', async () => {
    const stage = await ciStage()
    stage.intercept = (direct) => ({
      ...direct,
      async post(endpoint, fields) {
        const reply = await direct.post(endpoint, fields)
        const body = reply.body as { readonly access_token: string }
        const [header = '', payload = '', signature] = body.access_token.split('.')
        const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
        const text = JSON.stringify({ ...claims, jti: 'cred_1\nother=1' })
        const other = Buffer.from(text).toString('base64url')
        return { ...reply, body: { ...body, access_token: `${header}.${other}.${signature}` } }
      },
    })
    const env = { CREDCTL_ID_TOKEN: await stage.jobToken(), GITHUB_OUTPUT: '/o' }
    const { status, written } = await stage.runJob(ISSUE, { env, files: { '/o': '' } })
    expect([status, [...written.values()].join('')]).toEqual([1, ''])
  })

  it('is nowhere at last where it cannot be written: then it is revoked', async () => {
    const { runJob, states } = await ciStage()
    const { status } = await runJob(`${ISSUE} -o token`, { writesMax: 0 })
    expect(status).toBe(0)
    expect(await states()).toEqual(['revoked'])
  })
})

describe('the log', () => {
  it('of GitHub is told to mask the token, on stderr and before all else', async () => {
    const { runJob, jobToken } = await ciStage()
    const env = { CREDCTL_ID_TOKEN: await jobToken(), GITHUB_ACTIONS: 'true' }
    const { out, err } = await runJob(`${ISSUE} -o token`, { env })
    expect(err.split('\n')[0]).toBe(`::add-mask::${out.trim()}`)
    const toFile = { CREDCTL_ID_TOKEN: await jobToken(), GITHUB_ACTIONS: 'true' }
    const kept = await runJob(`${ISSUE} -o token`, { env: toFile, isErrFile: true })
    expect(kept.err).not.toMatch(TOKEN)
  })

  it('of Buildkite is told by the agent, on its stdin; where it cannot be, that is said', async () => {
    const { runJob, jobToken } = await ciStage()
    const env = async () => ({ CREDCTL_ID_TOKEN: await jobToken(), BUILDKITE: 'true' })
    const told: [Child['args'], string][] = []
    const { out, err } = await runJob(`${ISSUE} -o token`, {
      env: await env(),
      capture({ command, args }, stdin) {
        told.push([[command, ...args], stdin])
        return { status: 0, out: '', err: '' }
      },
    })
    expect(told).toEqual([[['buildkite-agent', 'redactor', 'add'], out.trim()]])
    expect(err).not.toMatch(/warning/)
    const untold = await runJob(`${ISSUE} -o token`, { env: await env() })
    expect(untold).toMatchObject({ status: 0, err: expect.stringMatching(/warning: .*redact/) })
  })
})

describe('the identity of a job', () => {
  const github = {
    GITHUB_ACTIONS: 'true',
    ACTIONS_ID_TOKEN_REQUEST_URL: URL_OF_GITHUB,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
  }

  it('is asked of GitHub’s runner for this authority’s issuer', async () => {
    const { runJob, jobToken } = await ciStage()
    const asked: unknown[] = []
    const scene = {
      env: github,
      async getJson(url: string, options: object) {
        asked.push([url, options])
        return { status: 200, body: { value: await jobToken() } }
      },
    }
    expect((await runJob(`${ISSUE} -o token`, scene)).status).toBe(0)
    const audience = encodeURIComponent(ISSUER)
    expect(asked).toEqual([[`${URL_OF_GITHUB}&audience=${audience}`, { bearer: 'request-token' }]])
    await runJob(`${ISSUE} -o token --id-token-audience a&b`, scene)
    expect(asked[1]).toEqual([`${URL_OF_GITHUB}&audience=a%26b`, { bearer: 'request-token' }])
    const plain = { ...github, ACTIONS_ID_TOKEN_REQUEST_URL: 'https://runner.example/token' }
    await runJob(`${ISSUE} -o token`, { ...scene, env: plain })
    expect(asked[2]).toMatchObject([`https://runner.example/token?audience=${audience}`, {}])
  })

  it.for([
    [403, {}],
    [200, {}],
    [200, undefined],
    [200, { value: 7 }],
  ] as const)('is missing where GitHub answers %j %j', async ([status, body]) => {
    const { runJob } = await ciStage()
    const getJson = async () => ({ status, body })
    const refused = await runJob(`${ISSUE} -o token`, { env: github, getJson })
    expect(refused).toMatchObject({ status: 4, err: expect.stringMatching(/id-token: write/) })
  })

  it('is for another time where the runner cannot be reached', async () => {
    const { runJob } = await ciStage()
    expect((await runJob(`${ISSUE} -o token`, { env: github })).status).toBe(75)
  })

  it('is asked of Buildkite’s agent, with the claims that last', async () => {
    const { runJob, jobToken } = await ciStage()
    const token = await jobToken()
    const env = { BUILDKITE: 'true', BUILDKITE_OIDC_TOKEN_CLAIMS: 'pipeline_id,queue_key' }
    const said: (readonly string[])[] = []
    const { status } = await runJob(`${ISSUE} -o token`, {
      env,
      capture({ command, args }) {
        said.push([command, ...args])
        return { status: 0, out: `${token}\n`, err: '' }
      },
    })
    expect(status).toBe(0)
    expect(said[0]).toEqual(
      `buildkite-agent oidc request-token --audience ${ISSUER} --claim organization_id,pipeline_id,queue_key`.split(
        ' ',
      ),
    )
    const refused = await runJob(`${ISSUE} -o token`, {
      env,
      capture: () => ({ status: 1, out: '', err: 'fatal: first\n2026 FATAL no such job\n' }),
    })
    expect(refused).toMatchObject({
      status: 4,
      err: expect.stringMatching(/: 2026 FATAL no such job/),
    })
    const none = await runJob(`${ISSUE} -o token`, { env })
    expect(none).toMatchObject({
      status: 4,
      err: expect.stringMatching(/no buildkite-agent on the PATH/),
    })
  })

  it('is in a file or a variable, by their own names or by those that are given', async () => {
    const { runJob, jobToken } = await ciStage()
    const run = async (more: string, env: Record<string, string>) =>
      (await runJob(`${ISSUE} -o token ${more}`, { env, files: { f: `${await jobToken()}\n` } }))
        .status
    expect(await run('', { CREDCTL_ID_TOKEN_FILE: 'f' })).toBe(0)
    expect(await run('--id-token-file f', {})).toBe(0)
    expect(await run('--id-token-variable DEPLOY_ID', { DEPLOY_ID: await jobToken() })).toBe(0)
    expect(await run('--id-token-from file', {})).toBe(2)
    expect(await run('--id-token-file g', {})).toBe(2)
    expect(await run('--id-token-variable DEPLOY_ID', {})).toBe(4)
  })

  it('is not guessed: what is put there on purpose goes before the system’s, two are refused', async () => {
    const { runJob, jobToken } = await ciStage()
    const both = { ...github, CREDCTL_ID_TOKEN: await jobToken() }
    expect((await runJob(`${ISSUE} -o token`, { env: both })).status).toBe(0)
    const two = await runJob(`${ISSUE} -o token`, { env: { ...github, BUILDKITE: 'true' } })
    expect(two).toMatchObject({
      status: 2,
      err: expect.stringMatching(/--id-token-from github-actions/),
    })
    const put = { CREDCTL_ID_TOKEN: 'x', CREDCTL_ID_TOKEN_FILE: 'f' }
    expect((await runJob(`${ISSUE} -o token`, { env: put })).status).toBe(2)
    const named = '--id-token-file f --id-token-variable V'
    expect((await runJob(`${ISSUE} -o token ${named}`, { env: {} })).status).toBe(2)
    expect(
      (await runJob(`${ISSUE} -o token --id-token-from github-actions`, { env: {} })).status,
    ).toBe(4)
  })

  it.for([
    [{ GITHUB_ACTIONS: 'true' }, /permissions: \{ id-token: write/],
    [
      { GITLAB_CI: 'true', CREDCTL_SERVER: 'https://a' },
      /id_tokens: \{ CREDCTL_ID_TOKEN: \{ aud: https:\/\/a \} \}/,
    ],
    [
      { CREDCTL_ID_TOKEN: '' },
      /^ {2}GitHub Actions .*id-token: write[^]*^ {2}GitLab .*id_tokens[^]*^ {2}Buildkite [^]*--id-token-file/m,
    ],
  ] as const)('that is missing under %j is explained', async ([env, hint]) => {
    const { runJob } = await ciStage()
    const { status, err } = await runJob(`${ISSUE} -o token`, { env })
    expect([status, err]).toEqual([4, expect.stringMatching(hint)])
  })

  it('that is no token at all is told without a word of it', async () => {
    const { runJob } = await ciStage()
    const { status, err } = await runJob(`${ISSUE} -o token`, {
      env: { CREDCTL_ID_TOKEN: 'hunter2' },
    })
    expect([status, err]).toEqual([2, expect.stringMatching(/the variable gave is no identity/)])
    expect(err).not.toMatch(/hunter2/)
  })
})

describe('a job that is not let in', () => {
  it.for([
    ['another branch', { ref: 'refs/heads/x' }, /^NO +ref +refs\/heads\/main +refs\/heads\/x$/m],
    ['no branch', { ref: undefined }, /^NO +ref +refs\/heads\/main +MISSING$/m],
    ['another audience', { aud: 'https://b' }, /^NO +aud +\S+ +https:\/\/b$/m],
  ] as const)('for %s sees the table of claims', async ([, claims, line]) => {
    const { runJob, jobToken, states } = await ciStage()
    const { status, out, err } = await runJob(`${ISSUE} -o token`, {
      env: { CREDCTL_ID_TOKEN: await jobToken(claims) },
    })
    expect([status, out]).toEqual([5, ''])
    expect(err).toMatch(line)
    expect(err).toMatch(/^Trust deploys \(enforce\): .*\n/)
    expect(err).toMatch(/^ +CLAIM +EXPECTED +ACTUAL/m)
    expect(await states()).toEqual([])
  })

  it('has the same as facts in JSON, and nothing else on stderr', async () => {
    const { runJob, jobToken } = await ciStage()
    const env = { CREDCTL_ID_TOKEN: await jobToken({ ref: 'refs/heads/x' }) }
    const { err } = await runJob(`${ISSUE} -o json`, { env })
    const problem = JSON.parse(err)
    expect(problem).toMatchObject({ code: 'trust-unmatched', requestId: 'req_1' })
    expect(problem.facts.trusts[0].claims).toContainEqual({
      claim: 'ref',
      expected: 'refs/heads/main',
      actual: 'refs/heads/x',
      ok: false,
    })
  })

  it('by a token that was used before learns that', async () => {
    const { runJob, jobToken } = await ciStage()
    const env = { CREDCTL_ID_TOKEN: await jobToken() }
    expect((await runJob(`${ISSUE} -o token`, { env })).status).toBe(0)
    const { status, err } = await runJob(`${ISSUE} -o token`, { env })
    expect([status, err]).toEqual([
      5,
      expect.stringMatching(/^NO +jti +one that was not used before +job-1$/m),
    ])
  })

  it('by a forged one sees what is wrong with that by itself, and nothing of the trust', async () => {
    const { runJob, jobToken } = await ciStage()
    const env = { CREDCTL_ID_TOKEN: await jobToken({}, { isForged: true }) }
    const { status, err } = await runJob(`${ISSUE} -o token`, { env })
    expect(status).toBe(5)
    expect(err).toMatch(/^The token by itself:\n/)
    expect(err).toMatch(/^NO +signature +by a key of \S+ +does not hold \(RS256, key k\)$/m)
    expect(err).not.toMatch(/4711|deploys/)
    const json = await runJob(`${ISSUE} -o json`, { env })
    expect(JSON.parse(json.err).facts).toMatchObject({
      trusts: [],
      claims: expect.arrayContaining([expect.objectContaining({ claim: 'signature', ok: false })]),
    })
  })

  it('by an old one that its issuer signed sees the whole table', async () => {
    const { runJob, jobToken } = await ciStage()
    const env = { CREDCTL_ID_TOKEN: await jobToken({ exp: 1_700_000_000 }) }
    const { status, err } = await runJob(`${ISSUE} -o token`, { env })
    expect(status).toBe(5)
    expect(err).toMatch(/^ok +ref +refs\/heads\/main +refs\/heads\/main$/m)
    expect(err).toMatch(/^NO +exp +later than 2026-11-23T19:08:00.000Z +2023-11-14T22:13:20.000Z$/m)
  })

  it('under many trusts sees those that fit best', async () => {
    const { runJob, jobToken, world } = await ciStage()
    const { jwks, issuer } = await world.admin.showTrust({ id: 'deploys' })
    for (const id of ['a', 'b', 'c', 'd']) {
      const claims = { repository_id: ['1'], ref: [id], environment: [id] }
      const trust = {
        id,
        form: 'github-actions' as const,
        clientId: 'bot',
        scopes: ['deploy:prod'],
      }
      await world.admin.createTrust({
        ...trust,
        issuer,
        claims,
        ...(jwks === undefined ? {} : { jwks }),
      })
    }
    const env = { CREDCTL_ID_TOKEN: await jobToken({ ref: 'refs/heads/x' }) }
    const { err } = await runJob(`${ISSUE} -o token`, { env })
    expect(err).toMatch(/^Trust deploys/)
    expect(err.match(/^Trust /gm)).toHaveLength(3)
    expect(err).toMatch(/^2 more of this issuer fit less; name one with --trust$/m)
    const named = await runJob(`${ISSUE} -o token --trust b`, { env })
    expect(named.err).toMatch(/^Trust b \(enforce\)/)
    expect(named.err.match(/^Trust /gm)).toHaveLength(1)
  })

  it('for want of a scope, or since its client is disabled, is told so', async () => {
    const { runJob, world } = await ciStage()
    const beyond = await runJob('token issue --ci --scope deploy:dev -o token')
    expect(beyond).toMatchObject({
      status: 5,
      err: expect.stringMatching(/does not give scope deploy:dev/),
    })
    await world.admin.revoke({ selector: { clients: ['bot'] }, reason: 'compromise' })
    expect(await runJob(`${ISSUE} -o token`)).toMatchObject({
      status: 5,
      err: expect.stringMatching(/disabled, or a revocation blocks/),
    })
  })
})

describe('a bad connection', () => {
  it('is tried again where nothing can have come of it, and only there', async () => {
    const stage = await ciStage()
    const lost: { before: boolean; left: number } = { before: true, left: 2 }
    stage.intercept = (inner) => ({
      ...inner,
      async post(endpoint, fields) {
        const fails = 0 < lost.left
        if (fails) lost.left -= 1
        if (fails && lost.before) {
          return refuse('authority-unreachable', 'refused', { facts: { sent: false } })
        }
        const reply = await inner.post(endpoint, fields)
        if (fails) return refuse('authority-unreachable', 'cut', { facts: { sent: true } })
        return reply
      },
    })
    expect((await stage.runJob(`${ISSUE} -o token`)).status).toBe(0)
    Object.assign(lost, { before: false, left: 1 })
    // Sent again it would be refused as used, which would say that somebody else has used it.
    expect((await stage.runJob(`${ISSUE} -o token`)).status).toBe(75)
    expect(await stage.states()).toEqual(['active', 'active'])
  })

  it('to something that is no authority is told as that', async () => {
    const stage = await ciStage()
    const post = async () => ({ status: 200, body: '<html>', requestId: 'r' })
    stage.intercept = (inner) => ({ ...inner, post })
    expect((await stage.runJob(`${ISSUE} -o token`)).status).toBe(75)
    expect((await stage.runJob('token revoke-self -', { stdin: 'x' })).status).toBe(75)
  })
})

describe('what does not go together', () => {
  it.for([
    `${ISSUE} -o token --client bot`,
    `${ISSUE} -o token --subject a`,
    `${ISSUE} -o token --tag a=b`,
    `${ISSUE} -o token --count 2`,
    `${ISSUE} -o token --justification x`,
    'token issue --client bot --trust deploys',
    'token issue --client bot --id-token-file f',
    'token exec --ci --client bot -- true',
    'token exec --client bot --id-token-variable x -- true',
    'token issue',
    'token exec -- true',
  ])('%s', async (argv) => {
    const { runJob, states } = await ciStage()
    expect((await runJob(argv)).status).toBe(2)
    expect(await states()).toEqual([])
  })
})
