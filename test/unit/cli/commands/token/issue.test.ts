import { describe, expect, it } from 'vitest'
import type { IssuedToken } from '#cli/commands/shapes.ts'
import { fromNow } from '../../harness.ts'
import type { WorldRow } from '../../world.ts'
import { AUDIENCE, stage } from './stage.ts'

const JWT = /^eyJ[\w-]+\.[\w-]+\.[\w-]{86}$/
const ID = /^cred_[0-9a-z]{22}$/

describe('the JSON of an issued token', () => {
  it('has exactly what scripts rely on', async () => {
    const { json } = await stage()
    const issued = (await json(
      'token issue --client bot --scope deploy:prod --ttl 5m --audience https://b.example --subject alice --tag run=8 --justification release',
    )) as IssuedToken
    const { id } = issued.credential
    expect(issued).toEqual({
      token: expect.stringMatching(JWT),
      tokenType: 'Bearer',
      expiresIn: 300,
      credential: {
        id: expect.stringMatching(ID),
        clientId: 'bot',
        subject: 'alice',
        scopes: ['deploy:prod'],
        audience: ['https://b.example'],
        issuedAt: fromNow(0),
        expiresAt: fromNow(300),
        keyId: expect.stringMatching(/^key_/),
        sessionId: id,
        state: 'active',
        createdBy: 'local:tester',
        justification: 'release',
        tags: { run: '8' },
      },
    })
  })

  it('takes what is left out from the client', async () => {
    const { json } = await stage()
    expect(await json('token issue --client bot')).toMatchObject({
      expiresIn: 600,
      credential: { subject: 'bot', scopes: ['deploy:prod', 'read'], audience: [AUDIENCE] },
    })
  })

  it('is a list for more than one', async () => {
    const { json, world } = await stage()
    const answer = (await json('token issue --client bot --count 3')) as { items: IssuedToken[] }
    expect(Object.keys(answer)).toEqual(['items'])
    const ids = answer.items.map(({ credential }) => credential.id)
    expect(new Set(ids).size).toBe(3)
    expect(answer.items.every(({ token }) => JWT.test(token))).toBe(true)
    expect((await world.admin.listCredentials({ clientId: 'bot' })).items).toHaveLength(4)
  })

  it('says what was asked for where policy allows less, and so does stderr, once', async () => {
    const { run } = await stage()
    const one = await run('token issue --client bot --ttl 10y -o json')
    expect([one.status, one.err]).toEqual([
      0,
      '{"warning":"lifetime shortened from 10y to 1h: policy allows client bot no more"}\n',
    ])
    expect(JSON.parse(one.out)).toMatchObject({ expiresIn: 3600, clampedFrom: 315_360_000 })
    const two = await run('token issue --client bot --ttl 10y --count 2 -q')
    expect(two.err).toBe(
      'warning: lifetime shortened from 10y to 1h: policy allows client bot no more\n',
    )
  })
})

describe('for people', () => {
  it('prints a sentence, details, and the token alone on its line, never cut', async () => {
    const { run } = await stage()
    const { status, out, err } = await run('token issue --client bot --scope read --ttl 90s', {
      tty: true,
      columns: 40,
    })
    expect(status).toBe(0)
    const lines = out.split('\n')
    expect(lines.slice(0, 7)).toEqual([
      'Issued a token to bot for read, valid for 1m30s.',
      '',
      expect.stringMatching(/^Id {7}cred_[0-9a-z]{22}$/),
      'Client   bot',
      'Subject  bot',
      'Scopes   read',
      'Expires  in 90s (2026-11-23T19:09:30Z)',
    ])
    expect(lines.slice(7)).toEqual(['', expect.stringMatching(JWT), '', ''])
    expect(err).toMatch(/^to revoke it: credctl revoke --token cred_\w+ --reason superseded\n$/)
  })

  it('prints several tokens one a line', async () => {
    const { run } = await stage()
    const { out, err } = await run('token issue --client bot --scope read --count 2')
    expect(out.split('\n')).toEqual([
      'Issued 2 tokens to bot for read, valid for 10m.',
      '',
      expect.stringMatching(JWT),
      expect.stringMatching(JWT),
      '',
    ])
    expect(err).toContain('credctl token list')
  })

  it('picks the client and its scopes from lists', async () => {
    const { run } = await stage()
    const ran = await run('token issue -o token', {
      tty: true,
      answers: [
        { to: 'select', about: /Client/, answer: 'bot' },
        { to: 'checkbox', about: /Scopes/, answer: ['deploy:prod'] },
      ],
    })
    expect([ran.status, ran.err]).toEqual([0, ''])
    const [, claims = ''] = ran.out.trim().split('.')
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      scope: 'deploy:prod',
    })
  })

  it('prints only what --fields names', async () => {
    const { check } = await stage()
    await check({
      argv: 'token issue --client bot --fields credential.clientId,expiresIn',
      status: 0,
      out: /\n\nClient {6}bot\nExpires in {2}10m\n$/,
      err: /to revoke it/,
    })
    await check({
      argv: 'token issue --client bot --count 2 --fields expiresIn --no-headers',
      status: 0,
      out: '10m\n10m\n',
    })
  })
})

describe('formats', () => {
  it.for<[string, RegExp]>([
    ['-o token', /^eyJ\S+\n$/],
    ['-o token --count 2', /^eyJ\S+\neyJ\S+\n$/],
    ['-o env', /^ACCESS_TOKEN=eyJ\S+\nACCESS_TOKEN_EXPIRES_AT=2026-11-23T19:18:00\.000Z\n$/],
    ['-o env --env DEPLOY', /^DEPLOY=eyJ\S+\nDEPLOY_EXPIRES_AT=2026-11-23T19:18:00\.000Z\n$/],
    ['-q', /^cred_\w{22}\n$/],
    ['-q --count 2', /^cred_\w{22}\ncred_\w{22}\n$/],
    ['-q -o token', /^cred_\w{22}\n$/],
    ['-q -o json --count 2', /^cred_\w{22}\ncred_\w{22}\n$/],
    ['-o name', /^credential\/cred_\w{22}\n$/],
    ['-o name --count 2', /^credential\/cred_\w{22}\ncredential\/cred_\w{22}\n$/],
    ['-o jsonl --count 2', /^(?:\{"token":"eyJ[^\n]+"credential":\{[^\n]+\}\}\n){2}$/],
    ['-o jsonl', /^\{"token":"eyJ[^\n]+"credential":\{[^\n]+\}\}\n$/],
    ['-o yaml --count 2', /^items:\n {2}- token: eyJ/],
    [
      '-o csv --count 2 --fields credential.clientId,expiresIn',
      /^credential\.clientId,expiresIn\nbot,600\nbot,600\n$/,
    ],
    ['-o csv', /^credential\.id,[\w.,]+,token\ncred_[^\n]+,eyJ\S+\n$/],
  ])('%s', async ([flags, out]) => {
    await (await stage()).check({ argv: `token issue --client bot ${flags}`, status: 0, out })
  })

  it('issues more than one call of the API takes, page by page', async () => {
    const { run, world } = await stage()
    const sizes: number[] = []
    const issueTokens: typeof world.admin.issueTokens = (input) => {
      sizes.push(input.count ?? 1)
      return world.admin.issueTokens({ ...input, count: 2 })
    }
    const admin = { ...world.admin, issueTokens }
    const { out, err } = await run('token issue --client bot --ttl 2h --count 20001 -o jsonl', {
      admin,
    })
    expect(err.trimEnd().split('\n')).toEqual([expect.stringContaining('from 2h to 1h')])
    expect(sizes).toEqual([10_000, 10_000, 1])
    expect(out.trimEnd().split('\n')).toHaveLength(6)
    const { out: document } = await run('token issue --client bot --count 20001 -o json', { admin })
    expect((JSON.parse(document) as { items: unknown[] }).items).toHaveLength(6)
    const { out: lines } = await run('token issue --client bot --count 20001 -o token', { admin })
    expect(lines.trimEnd().split('\n')).toHaveLength(6)
  })

  it.for(['json', 'jsonl', 'token'])(
    'prints as %s what was issued before a later call is refused',
    async (format) => {
      const { run, world } = await stage()
      let calls = 0
      const admin = {
        ...world.admin,
        issueTokens: async (input: Parameters<typeof world.admin.issueTokens>[0]) => {
          if (calls === 1) await world.admin.disableClient({ id: 'bot' })
          calls += 1
          return await world.admin.issueTokens({ ...input, count: 2 })
        },
      }
      const { status, out, err } = await run(
        `token issue --client bot --count 20000 -o ${format}`,
        {
          admin,
        },
      )
      expect(status).toBe(5)
      expect(err).toContain('client-disabled')
      expect(out.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g)).toHaveLength(2)
    },
  )
})

describe('--out-file', () => {
  it('puts the token there, and everything else on stdout', async () => {
    const { run } = await stage()
    const { status, out, written } = await run(
      'token issue --client bot -o json --out-file token.txt',
    )
    expect(status).toBe(0)
    const printed = JSON.parse(out) as object
    expect(Object.keys(printed)).toEqual(['tokenType', 'expiresIn', 'credential', 'outFile'])
    expect(written.get('token.txt')?.trimEnd()).toMatch(JWT)
  })

  it.for<[string, RegExp, RegExp]>([
    ['', /^Issued a token to bot .*\n\nId(?!.*eyJ)/s, /^eyJ\S+\n$/],
    ['-o token', /^$/, /^eyJ\S+\n$/],
    ['-o env --env T', /^$/, /^T=eyJ\S+\nT_EXPIRES_AT=\S+\n$/],
    ['-q', /^cred_\w+\n$/, /^eyJ\S+\n$/],
    ['--count 2', /^Issued 2 tokens [^\n]*\n$/, /^eyJ\S+\neyJ\S+\n$/],
    ['-o token --count 2', /^$/, /^eyJ\S+\neyJ\S+\n$/],
    ['-o jsonl --count 2', /^(?:\{"tokenType"[^\n]+\}\n){2}$/, /^eyJ\S+\neyJ\S+\n$/],
  ])('%s', async ([flags, printed, file]) => {
    const { run } = await stage()
    const ran = await run(`token issue --client bot --out-file t ${flags}`)
    expect(ran.status).toBe(0)
    expect(ran.out).toMatch(printed)
    expect(ran.out).not.toContain('eyJ')
    expect(ran.written.get('t')).toMatch(file)
  })

  it('issues nothing where the file cannot be made, and leaves none where nothing is issued', async () => {
    const { run, world } = await stage()
    const taken = await run('token issue --client bot --out-file t', { files: { t: 'mine' } })
    expect([taken.status, taken.out]).toEqual([2, ''])
    expect((await world.admin.listCredentials({})).items).toHaveLength(1)
    const refused = await run('token issue --client nobody --out-file t')
    expect([refused.status, [...refused.written]]).toEqual([3, []])
  })
})

describe('refusals', () => {
  it.for<WorldRow>([
    { argv: 'token issue', status: 2, err: /--client is missing \[input-required\]/ },
    { argv: 'token issue --client nobody', status: 3, err: /\[client-unknown\]/ },
    { argv: 'token issue --client bot --scope write', status: 5, err: /\[scope-refused\]/ },
    {
      argv: 'token issue --client bot --audience https://other.example',
      status: 5,
      err: /\[audience-refused\]/,
    },
    { argv: 'token issue --client bot --ttl 0', status: 2, err: /--ttl: it is zero/ },
    { argv: 'token issue --client bot --ttl -5m', status: 2, err: /--ttl: it is negative/ },
    { argv: 'token issue --client bot --ttl=-5m', status: 2, err: /--ttl: it is negative/ },
    { argv: 'token issue --client bot --ttl soon', status: 2, err: /--ttl: `soon` is not/ },
    { argv: 'token issue --client bot --count 0', status: 2, err: /--count/ },
    { argv: 'token issue --client bot --count 100001', status: 2, err: /from 1 to 100000/ },
    {
      argv: 'token issue --client bot -o env --count 2',
      status: 2,
      err: /-o env is for one token/,
    },
    { argv: 'token issue --client bot --env T', status: 2, err: /not asked for/ },
    { argv: 'token issue --client bot -o env --env 1T', status: 2, err: /no name of a variable/ },
    {
      argv: "token issue --client bot -o env --env 'A;id'",
      status: 2,
      err: /no name of a variable/,
    },
    { argv: 'token issue --client bot -o secret', status: 2, err: /table.*token, env/ },
  ])('$argv → $status', async (row) => (await stage()).check(row))

  it('names the revocation that blocks issuing', async () => {
    const { run, check } = await stage()
    await run('revoke --client bot --reason compromise --yes')
    await check({
      argv: 'token issue --client bot',
      status: 5,
      err: /\[issuance-blocked\]\n.*credctl revocation unblock rev_/,
    })
  })
})
