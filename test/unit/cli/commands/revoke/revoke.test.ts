import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '#domain/policy/policy.ts'
import { idOf, play, type Row, stage, tokenOf } from './stage.ts'

describe('usage', () => {
  it.for<Row>([
    { argv: 'revoke --reason testing', status: 2, err: /\[selector-empty\]/ },
    { argv: 'revoke --reason testing --yes', status: 2, err: /\[selector-empty\]/ },
    { argv: 'revoke --reason testing --dry-run', status: 2, err: /\[selector-empty\]/ },
    {
      argv: 'revoke --issued-after 1h --reason testing --yes',
      status: 2,
      err: /narrow a selection, and there is none.*\[selector-empty\]/,
    },
    {
      argv: 'revoke --from - --client deploy-bot --reason testing --yes',
      stdin: '# nothing but a remark\n\n',
      status: 2,
      err: /stdin names no tokens \[selector-empty\]/,
    },
    { argv: 'revoke --client deploy-bot --yes', status: 2, err: /--reason is missing/ },
    { argv: 'revoke --client deploy-bot --reason hunger --yes', status: 2, err: /--reason/ },
    {
      argv: 'revoke --token - --from - --reason testing --yes',
      status: 2,
      err: /both want stdin \[usage-invalid\]/,
    },
    {
      argv: 'revoke --token - --reason testing --yes',
      stdin: '',
      status: 2,
      err: /stdin holds no token \[token-malformed\]/,
    },
    {
      argv: 'revoke --token - --reason testing --yes',
      stdin: 'eyJhbGciOiJub25lIn0.e30',
      status: 2,
      err: /a JWT has three parts.*\[token-malformed\]/,
    },
    {
      argv: 'revoke --token - --reason testing --yes',
      stdin: 'e30.e30.AA',
      status: 2,
      err: /the token has no id \(claim jti\) \[token-malformed\]/,
    },
    {
      argv: 'revoke --all --client deploy-bot --reason testing --confirm all',
      status: 2,
      err: /all already includes.*\[request-invalid\]/,
    },
    {
      argv: 'revoke --client deploy-bot --reason compromise --grace 10s --yes',
      status: 2,
      err: /\[request-invalid\]/,
    },
    {
      argv: 'revoke --client deploy-bot --reason testing --grace 10m --yes',
      status: 5,
      err: /\[policy-denied\]/,
    },
    {
      argv: 'revoke --tag run=7 --reason compromise --block --yes',
      status: 2,
      err: /so a list cannot be blocked.*\[request-invalid\]/,
    },
    {
      argv: 'revoke --client deploy-bot --reason testing --expires 2026-11-23T19:00:00Z --yes',
      status: 2,
      err: /which has passed \[request-invalid\]/,
    },
  ])('$argv → $status', (row) => play(row))
})

describe('confirmation', () => {
  const ask = 'revoke --client deploy-bot --reason testing'
  const all = 'revoke --all --reason testing'
  it.for<Row>([
    { argv: ask, status: 2, err: /neither --yes nor --confirm \[confirmation-required\]/ },
    { argv: `${ask} --no-input`, tty: true, status: 2, err: /\[confirmation-required\]/ },
    {
      argv: ask,
      tty: true,
      answers: [{ to: 'confirm', about: /Revoke 2 credentials\?/, answer: true }],
      status: 0,
      out: /^Revoked 2 credentials of deploy-bot \(testing\)\./,
      err: /by client {3}deploy-bot 2\n.*by scope {4}deploy:prod 2\n/s,
      dead: [0, 1],
    },
    {
      argv: ask,
      tty: true,
      answers: [{ to: 'confirm', answer: false }],
      status: 1,
      err: /\[declined\]/,
    },
    {
      argv: ask,
      tty: true,
      answers: [{ to: 'confirm', answer: 'interrupt' }],
      status: 130,
      err: /\[interrupted\]/,
    },
    { argv: `${ask} --yes`, tty: true, status: 0, out: /^Revoked 2/, err: /undo/, dead: [0, 1] },
    { argv: `${ask} -y`, status: 0, out: /^Revoked 2/, err: /undo/, dead: [0, 1] },
    {
      argv: `${ask} --confirm client:deploy-bot`,
      status: 0,
      out: /^Revoked 2/,
      err: /undo/,
      dead: [0, 1],
    },
    { argv: `${ask} --confirm deploy-bot`, status: 2, err: /it is client:deploy-bot/ },
    {
      argv: `${all} --yes`,
      status: 2,
      err: /--yes is not enough.*\n {2}next: add --confirm all\n$/,
    },
    { argv: `${all} --confirm everything`, status: 2, err: /the phrase does not match; it is all/ },
    { argv: `${all} --confirm all`, status: 0, out: /^Revoked 3/, err: /undo/, dead: [0, 1, 2] },
    {
      argv: all,
      tty: true,
      answers: [{ to: 'input', about: /Type all to go on/, answer: 'all' }],
      status: 0,
      out: /^Revoked 3 credentials of deploy-bot, reader \(testing\)/,
      err: /It would revoke 3 credentials/,
      dead: [0, 1, 2],
    },
    {
      argv: all,
      tty: true,
      answers: [{ to: 'input', answer: 'yes' }],
      status: 2,
      err: /\[confirmation-required\]/,
    },
    {
      argv: all,
      tty: true,
      answers: [{ to: 'input', answer: '' }],
      status: 1,
      err: /\[declined\]/,
    },
    { argv: `${ask} --no-count --yes`, status: 2, err: /next: add --confirm client:deploy-bot/ },
    {
      argv: `${ask} --no-count --confirm client:deploy-bot`,
      status: 0,
      out: /^Revoked whatever matches client:deploy-bot, uncounted \(testing\)\..*\nCredentials +not counted\n/s,
      err: /undo/,
      dead: [0, 1],
    },
    {
      argv: "revoke --scope 'deploy:*' --subject deploy-bot --reason testing --confirm 'subject:deploy-bot scope:deploy:*'",
      status: 0,
      out: /^Revoked 2/,
      err: /undo/,
      dead: [0, 1],
    },
    {
      argv: 'revoke --client deploy-bot',
      tty: true,
      answers: [
        { to: 'select', about: /Reason/, answer: 'superseded' },
        { to: 'confirm', answer: true },
      ],
      status: 0,
      out: /\(superseded\)/,
      err: /undo/,
      dead: [0, 1],
    },
    {
      argv: 'revoke --client nobody --reason testing',
      tty: true,
      status: 3,
      err: /\[nothing-matched\]/,
    },
  ])('$argv (terminal: $tty) → $status', (row) => play(row))

  it('is asked of a script before anything is looked at', async () => {
    const it = await stage()
    const ran = await it.run('revoke --from missing.txt --reason testing')
    expect(ran.status).toBe(2)
    expect(ran.err).toContain('[confirmation-required]')
    expect(ran.targets).toEqual([])
  })

  it('is severe above what policy says', async () => {
    const revocation = { ...defaultPolicy.revocation, confirmAbove: 1 }
    const it = await stage({ policy: { ...defaultPolicy, revocation } })
    const refused = await it.run('revoke --client deploy-bot --reason testing --yes')
    expect(refused.status).toBe(2)
    expect(refused.err).toContain('next: add --confirm client:deploy-bot')
    const done = await it.run('revoke --client reader --reason testing --yes')
    expect(done.status).toBe(0)
  })
})

it('a long list is confirmed by its number and hash, which one argument can hold', async () => {
  const revocation = { ...defaultPolicy.revocation, confirmAbove: 40 }
  const on = await stage({ policy: { ...defaultPolicy, revocation } })
  const { items } = await on.world.admin.issueTokens({ clientId: 'reader', count: 50 })
  const files = { 'ids.txt': items.map(({ credential }) => credential.id).join('\n') }
  const refused = await on.run('revoke --from ids.txt --reason testing --yes', { files })
  const [, phrase] = /next: add --confirm '?(token:50#[0-9a-f]{16})'?\n/.exec(refused.err) ?? []
  expect(refused.status).toBe(2)
  const done = await on.run(`revoke --from ids.txt --reason testing --confirm ${phrase}`, { files })
  expect(done.status).toBe(0)
  expect(done.out).toMatch(/^Revoked 50 credentials of reader/)
})

describe('selecting', () => {
  const done = { status: 0, out: /^Revoked/, err: /undo/ }
  it.for<Row>([
    { ...done, argv: 'revoke --token $1 --reason testing -y', dead: [1] },
    { ...done, argv: 'revoke --token $1 --token $2 --reason testing -y', dead: [1, 2] },
    { ...done, argv: 'revoke --session $0 --reason testing -y', dead: [0] },
    { ...done, argv: 'revoke --subject alice --reason testing -y', dead: [2] },
    { ...done, argv: 'revoke --scope read --reason testing -y', dead: [2] },
    { ...done, argv: 'revoke --audience https://api.example --reason testing -y', dead: [2] },
    { ...done, argv: 'revoke --tag run=7 --reason testing -y', dead: [0, 1] },
    { ...done, argv: 'revoke --client deploy-bot,reader --reason testing -y', dead: [0, 1, 2] },
    {
      ...done,
      argv: 'revoke --client deploy-bot,reader --except-token $1 --reason testing -y',
      dead: [0, 2],
      err: /1 matching credential is spared/,
    },
    {
      ...done,
      argv: 'revoke --all --except-client reader --reason testing --confirm all',
      dead: [0, 1],
    },
    {
      ...done,
      argv: 'revoke --all --except-subject alice --reason testing --confirm all',
      dead: [0, 1],
    },
    {
      ...done,
      argv: 'revoke --all --except-session $0 --reason testing --confirm all',
      dead: [1, 2],
    },
    {
      ...done,
      argv: 'revoke --all --issued-after 1m --reason testing --confirm "issued-after:2026-11-23T19:07:00.000Z all"',
      dead: [0, 1, 2],
    },
    {
      argv: 'revoke --all --issued-before 1m --reason testing --confirm "issued-before:2026-11-23T19:07:00.000Z all"',
      status: 3,
      err: /\[nothing-matched\]/,
    },
    {
      ...done,
      argv: 'revoke --from - --reason testing -y',
      stdin: '# leaked\n$0\n\n  $2  \r\n',
      dead: [0, 2],
    },
  ])('$argv', (row) => play(row))

  it('reads a token itself, from stdin, a list or, with a warning, the command line', async () => {
    const it = await stage()
    const piped = await it.run('revoke --token - --reason testing -y', { stdin: tokenOf(it, 0) })
    expect(piped.status).toBe(0)
    const listed = await it.run('revoke --from ids.txt --reason testing -y -o json', {
      files: { 'ids.txt': `${tokenOf(it, 1)}\n` },
    })
    expect(JSON.parse(listed.out)).toMatchObject({
      items: [{ target: `token:${idOf(it, 1)}`, result: 'revoked' }],
    })
    const bare = await it.run(`revoke --token ${tokenOf(it, 2)} --reason testing -y`)
    expect(bare.status).toBe(0)
    expect(bare.err).toContain('a token on the command line can be read by others')
    for (const ran of [piped, listed, bare]) {
      for (const { token } of it.tokens) expect(ran.out + ran.err).not.toContain(token)
    }
    for (const at of [0, 1, 2]) expect(await it.stateOf(idOf(it, at))).toBe('revoked')
  })

  it('a key, for good, and everything it signed', async () => {
    const it = await stage()
    const { keyId } = await it.world.admin.showAuthority({})
    const ran = await it.run(`revoke --key ${keyId} --reason compromise -y`)
    expect(ran.status).toBe(0)
    expect(ran.out).toContain(`Revoked key ${keyId} and 3 credentials of deploy-bot, reader`)
    expect(ran.err).not.toContain('to undo it')
  })
})
