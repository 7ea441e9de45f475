import { describe, expect, it } from 'vitest'
import { encodeBase64url } from '#kernel/base64url.ts'
import { refuse } from '#kernel/problem.ts'
import { opened } from '../../../app/forge.ts'
import { fromNow } from '../../harness.ts'
import { cliWorld, type WorldRow } from '../../world.ts'
import { AUDIENCE, stage } from './stage.ts'

const json = (value: unknown): string => `${JSON.stringify(value)}\n`
const WARNING = 'a token on the command line can be read by others on this machine'

const jwt = (header: unknown, claims: unknown): string =>
  [header, claims]
    .map((part) => encodeBase64url(new TextEncoder().encode(JSON.stringify(part))))
    .join('.') + '.AAAA'

describe('token inspect', () => {
  it('prints header and claims, and that nothing was checked', async () => {
    const { token, check } = await stage()
    const { header, claims } = opened(token)
    await check({
      argv: 'token inspect - -o json',
      stdin: `${token}\n`,
      status: 0,
      out: json({
        header,
        claims,
        signatureChecked: false,
        expired: false,
        issuedAt: fromNow(0),
        expiresAt: fromNow(600),
      }),
    })
  })

  it('asks no authority, and takes any JWT', async () => {
    const { check } = await stage()
    const foreign = jwt({ alg: 'none' }, { sub: 'x', exp: 1e300, toString: 1 })
    await check({
      argv: 'token inspect -o json',
      stdin: foreign,
      admin: {},
      status: 0,
      out: json({
        header: { alg: 'none' },
        claims: { sub: 'x', exp: 1e300, toString: 1 },
        signatureChecked: false,
        expired: null,
        issuedAt: null,
        expiresAt: null,
      }),
    })
    await check({
      argv: 'token inspect',
      stdin: foreign,
      status: 0,
      out: /Claims\n {2}sub .*x .*for whom it speaks\n {2}exp .*1e\+300 .*expires\n {2}toString {2}1\n/,
    })
  })

  it('reads well', async () => {
    const { run, token, id } = await stage()
    const { status, out } = await run('token inspect', { stdin: token })
    expect(status).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toBe('Header')
    expect(lines).toContain('Claims')
    expect(out).toMatch(new RegExp(`\n  jti +${id} +its id, by which it is revoked\n`))
    expect(out).toMatch(/\n {2}exp +2026-11-23T19:18:00Z \(in 10m\) +expires\n/)
    expect(out).toMatch(/\n {2}scope +deploy:prod read +what it allows\n/)
    expect(lines.slice(-3)).toEqual([
      'The signature was NOT checked: anybody can write such a token.',
      'To have it checked: credctl token verify -',
      '',
    ])
  })

  it('tells that it has expired by this clock', async () => {
    const { run, world, token } = await stage()
    world.clock.advance(600_000)
    expect((await run('token inspect', { stdin: token })).out).toContain(
      '\nIt has expired. The sig',
    )
    expect((await run('token inspect -o json', { stdin: token })).out).toContain('"expired":true')
  })

  it('shows a hostile claim as inert text', async () => {
    const { run } = await stage()
    const { out } = await run('token inspect', {
      stdin: jwt({ alg: 'x' }, { sub: '\u001b[2J', 'a\nb': ['\u202e', 'c'] }),
    })
    for (const unsafe of ['\u001b', '\u202e']) expect(out).not.toContain(unsafe)
    expect(out).toContain(String.raw`a\nb`)
  })

  it('warns of a token on the command line, and asks for one on a terminal', async () => {
    const { run, token, id } = await stage()
    const given = await run(['token', 'inspect', token, '-q'])
    expect(given).toMatchObject({ status: 0, out: `${id}\n` })
    expect(given.err).toContain(WARNING)
    const asked = await run('token inspect -q', {
      tty: true,
      answers: [{ to: 'password', answer: token }],
    })
    expect(asked).toMatchObject({ status: 0, out: `${id}\n`, err: '' })
  })

  it.for<WorldRow>([
    { argv: 'token inspect', stdin: '', status: 2, err: /it is empty \[token-malformed\]/ },
    { argv: 'token inspect -', stdin: 'a.b', status: 2, err: /three parts.*\[token-malformed\]/ },
    { argv: 'token inspect -', stdin: 'a.b.c.d', status: 2, err: /\[token-malformed\]/ },
    {
      argv: 'token inspect -',
      stdin: 'e30.W10.AAAA',
      status: 2,
      err: /payload is not a JSON object/,
    },
    { argv: 'token inspect -', stdin: 'e30=.e30.AAAA', status: 2, err: /canonical base64url/ },
    {
      argv: 'token inspect -',
      stdin: 'cred_01j9',
      status: 2,
      err: /the id of a token, not a token.*\n.*credctl token show cred_01j9/,
    },
    { argv: 'token inspect - -o json', stdin: 'x', status: 2, err: /"code":"token-malformed"/ },
    { argv: 'token inspect --no-input', tty: true, status: 2, err: /\[input-required\]/ },
  ])('$argv $stdin → $status', async (row) => (await stage()).check(row))

  it('repeats nothing of a broken token', async () => {
    const { run, token } = await stage()
    for (const broken of [token.slice(0, -1), `${token}.x`, token.replace('.', ' ')]) {
      const { status, out, err } = await run(['token', 'inspect', broken])
      expect([status, out]).toEqual([2, ''])
      expect(err).not.toContain(token.slice(0, 12))
    }
  })
})

describe('token verify', () => {
  it('prints the decision, whole', async () => {
    const { token, check } = await stage()
    const { claims } = opened(token)
    await check({
      argv: `token verify - --audience ${AUDIENCE} --scope read -o json`,
      stdin: token,
      status: 0,
      out: json({ verdict: 'accepted', claims, audienceChecked: true, revocationChecked: true }),
    })
    await check({
      argv: 'token verify -o json',
      stdin: token,
      status: 0,
      out: json({ verdict: 'accepted', claims, audienceChecked: false, revocationChecked: true }),
    })
  })

  it('says in a line that it is accepted, and what was not checked', async () => {
    const { token, id, run } = await stage()
    const plain = await run('token verify', { stdin: token })
    expect(plain).toMatchObject({
      status: 0,
      err: '',
      out: `✓ accepted: ${id}, of bot, for deploy:prod read, expires in 10m (2026-11-23T19:18:00Z)\n  unchecked  its audience: give --audience\n`,
    })
    const full = await run(`token verify --audience ${AUDIENCE}`, { stdin: token })
    expect(full.out).not.toContain('unchecked')
  })

  it('prints a decision and no error for a token that is refused', async () => {
    const { token, run } = await stage()
    const rows: [string, string][] = [
      ['--audience https://other.example', 'invalid'],
      ['--scope write', 'insufficient-scope'],
      ['--scope read --scope write', 'insufficient-scope'],
    ]
    for (const [flags, verdict] of rows) {
      const { status, out, err } = await run(`token verify - -o json ${flags}`, { stdin: token })
      expect([status, err]).toEqual([1, ''])
      expect(JSON.parse(out)).toMatchObject({ verdict })
    }
  })

  it('tells a revoked token’s reason, message and revocation', async () => {
    const { token, run } = await stage()
    await run([
      'revoke',
      '--client',
      'bot',
      '--reason',
      'testing',
      '--message',
      'ask #sec',
      '--yes',
    ])
    const plain = await run('token verify', { stdin: token })
    expect([plain.status, plain.err]).toEqual([1, ''])
    expect(plain.out).toMatch(
      /^✗ revoked: it is revoked \(testing\)\n {2}message {4}ask #sec\n {2}why {8}credctl revocation show rev_\w+\n$/,
    )
    const { out } = await run('token verify -o json', { stdin: token })
    expect(JSON.parse(out)).toEqual({
      verdict: 'revoked',
      reason: 'testing',
      message: 'ask #sec',
      revocationId: expect.stringMatching(/^rev_/),
      claims: opened(token).claims,
      detail: 'it is revoked (testing)',
      audienceChecked: false,
      revocationChecked: true,
    })
  })

  it('accepts within grace, and says for how long', async () => {
    const { token, run } = await stage()
    await run('revoke --client bot --reason superseded --grace 20s --yes')
    const { status, out } = await run('token verify', { stdin: token })
    expect(status).toBe(0)
    expect(out).toMatch(
      /^✓ accepted: it is revoked, and within its grace.*\n {2}until {6}20 s from now\n/,
    )
  })

  it.for<[string, string, number]>([
    ['nothing', '', 1],
    ['no token', 'hello', 1],
    ['another’s token', jwt({ typ: 'at+jwt', alg: 'ES256', kid: 'k' }, { iss: 'https://x' }), 1],
  ])('decides on %s', async ([, stdin, status]) => {
    const { check } = await stage()
    await check({
      argv: 'token verify -o json',
      stdin,
      status,
      out: /^\{"verdict":"invalid","detail":"[^"]+","audienceChecked":false,"revocationChecked":true\}\n$/,
    })
  })

  it('refuses an expired token', async () => {
    const { token, run, world } = await stage()
    world.clock.advance(700_000)
    const { status, out } = await run('token verify', { stdin: token })
    expect([status, out]).toEqual([1, '✗ expired: it expired 100 s ago\n'])
  })

  it.for<[string, 'issuer-unreachable' | 'authority-unreachable' | 'store-busy']>([
    ['the issuer', 'issuer-unreachable'],
    ['the authority', 'authority-unreachable'],
    ['the database', 'store-busy'],
  ])('is stale, 75, where %s cannot be asked', async ([, code]) => {
    const { token, run, world } = await stage()
    const admin = {
      ...world.admin,
      verifyToken: async () => refuse(code, 'nobody answers', { next: 'try again' }),
    }
    const plain = await run('token verify', { stdin: token, admin })
    expect([plain.status, plain.out]).toEqual([75, '✗ stale: nobody answers\n'])
    expect(plain.err).toContain(`[${code}]`)
    const { status, out } = await run('token verify -o json', { stdin: token, admin })
    expect([status, out]).toEqual([
      75,
      json({
        verdict: 'stale',
        detail: 'nobody answers',
        audienceChecked: false,
        revocationChecked: false,
      }),
    ])
  })

  it('does not take a refusal for a decision', async () => {
    const { token, run, world } = await stage()
    const verifyToken = async () => refuse('scope-insufficient', 'your token carries none')
    const ran = await run('token verify', { stdin: token, admin: { ...world.admin, verifyToken } })
    expect([ran.status, ran.out]).toEqual([5, ''])
  })

  it('says that another issuer’s revocations are not known', async () => {
    const { check } = await stage()
    const issuer = 'https://other.example'
    await check({
      argv: `token verify --issuer ${issuer}`,
      stdin: jwt({ alg: 'ES256' }, { iss: issuer }),
      status: 75,
      out: /^✗ stale: no key set of issuer https:\/\/other\.example can be had\n$/,
      err: /\[issuer-unreachable\]/,
    })
  })

  it('says of another issuer’s accepted token what nobody can know', async () => {
    const { check } = await cliWorld({
      foreignIssuers: {
        verify: async () => ({ verdict: 'accepted', claims: { sub: 'repo:a', exp: 1e300 } }),
      },
    })
    await check({
      argv: 'token verify --issuer https://other.example',
      stdin: jwt({ alg: 'ES256' }, { iss: 'https://other.example' }),
      status: 0,
      out: '✓ accepted: a token, of repo:a\n  unchecked  its audience: give --audience\n  unchecked  its revocation: only its issuer knows\n',
    })
  })
})
