import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Client } from '#cli/commands/shapes.ts'
import { fromNow } from '../../harness.ts'
import { type CliWorld, cliWorld, type WorldRow } from '../../world.ts'

const CREATED = fromNow(0)
const BOT: Client = {
  id: 'deploy-bot',
  tier: 'standard',
  scopes: ['deploy:prod', 'deploy:staging'],
  audiences: ['https://api.example'],
  authMethods: [],
  keys: [],
  state: 'enabled',
  tags: { team: 'web' },
  createdAt: CREATED,
}

async function withBot(): Promise<CliWorld> {
  const it = await cliWorld()
  await it.world.admin.createClient({
    id: 'deploy-bot',
    scopes: ['deploy:prod', 'deploy:staging'],
    audiences: ['https://api.example'],
    tags: { team: 'web' },
  })
  return it
}

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = {
  public: pair.publicKey.export({ type: 'spki', format: 'pem' }),
  private: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
}
const jwk = {
  public: pair.publicKey.export({ format: 'jwk' }),
  private: pair.privateKey.export({ format: 'jwk' }),
}

describe('client create', () => {
  it('prints the client, whole', async () => {
    const { json } = await cliWorld()
    expect(
      await json(
        'client create deploy-bot --scope deploy:prod,deploy:staging --audience https://api.example --tag team=web',
      ),
    ).toEqual({ client: BOT })
  })

  it('says in a sentence what it did and what is next', async () => {
    const { check } = await cliWorld()
    await check({
      argv: 'client create bot --scope deploy:prod --tier high',
      status: 0,
      out: [
        'Registered client bot.',
        '',
        'Id         bot',
        'Tier       high',
        'State      enabled',
        'Scopes     deploy:prod',
        'Audiences  -',
        'Auth       -',
        '',
      ].join('\n'),
      err: 'next: credctl token issue --client bot --scope deploy:prod --ttl 10m\n',
    })
  })

  it('shows a secret once, where it can be copied', async () => {
    const { check, run } = await cliWorld()
    await check({
      argv: 'client create web --scope read --auth secret',
      tty: true,
      columns: 40,
      status: 0,
      out: /Its secret is shown this once, and only a keyed hash of it is kept:\n\ncredctl_cs_[\w-]{43}\n\n$/,
      err: /^next: /,
    })
    for (const argv of ['client show web', 'client list', 'audit list', 'client show web -o csv']) {
      expect((await run(`${argv} -o json`)).out).not.toContain('credctl_cs_')
    }
  })

  it('gives a script the secret beside the client', async () => {
    const { json, world } = await cliWorld()
    const made = await json('client create web --scope read --auth secret')
    expect(made).toEqual({
      client: await world.admin.showClient({ id: 'web' }),
      clientSecret: expect.stringMatching(/^credctl_cs_[\w-]{43}$/),
    })
  })

  it.for(['-q', '-o name', '--fields client.id', '-o json --fields client.id'])(
    'tells that the secret is lost under %s',
    async (flags) => {
      const { run } = await cliWorld()
      const { status, out, err } = await run(
        `client create web --scope read --auth secret ${flags}`,
      )
      expect(status).toBe(0)
      expect(out).not.toContain('credctl_cs_')
      expect(err).toContain('the secret of web was not printed, and it is not kept')
    },
  )

  it.for(['-o csv', '-o yaml', '-o jsonl', '--fields clientSecret', '-o wide'])(
    'prints the secret under %s, and warns of nothing',
    async (flags) => {
      const { run } = await cliWorld()
      const { out, err } = await run(`client create web --scope read --auth secret ${flags}`)
      expect(out).toContain('credctl_cs_')
      expect(err).not.toContain('warning')
    },
  )

  it('imports a secret, and prints none', async () => {
    const { json } = await cliWorld()
    const made = await json('client create web --scope read --auth secret --secret-file s', {
      files: { s: 'correct horse battery\n' },
    })
    expect(Object.keys(made as object)).toEqual(['client'])
  })

  it.for<[string, string, number]>([
    ['a JWK', JSON.stringify(jwk.public), 1],
    ['a JWK Set', JSON.stringify({ keys: [jwk.public] }), 1],
    ['PEM', String(pem.public), 1],
  ])('takes %s', async ([, key]) => {
    const { json } = await cliWorld()
    const flags = '--auth private-key-jwt --key -'
    expect(await json(`client create ci --scope a ${flags}`, { stdin: key })).toMatchObject({
      client: {
        authMethods: ['private-key-jwt'],
        keys: [{ id: expect.stringMatching(/^[\w-]{43}$/), createdAt: CREATED }],
      },
    })
  })

  it.for<[string, string, RegExp]>([
    ['a private JWK', JSON.stringify(jwk.private), /that is a private key/],
    ['a private PEM', String(pem.private), /that is a private key/],
    ['a shared secret', JSON.stringify({ kty: 'oct', k: 'c2VjcmV0' }), /that is a private key/],
    ['no JSON', 'hello', /neither a JWK in JSON \(RFC 7517\) nor PEM/],
    ['other JSON', '[1]', /neither a JWK/],
    ['an empty set', '{"keys":[]}', /needs a public key/],
    [
      'broken PEM',
      '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
      /no public key in PEM/,
    ],
  ])('refuses %s, and repeats none of it', async ([, stdin, message]) => {
    const { run, world } = await cliWorld()
    const { status, out, err } = await run(
      'client create ci --scope a --auth private-key-jwt --key -',
      { stdin },
    )
    expect([status, out]).toEqual([2, ''])
    expect(err).toMatch(message)
    expect(err).not.toContain(String(jwk.private.d))
    expect((await world.admin.listClients({})).items).toEqual([])
  })

  it('sends no private key anywhere', async () => {
    const { check } = await cliWorld()
    await check({
      argv: 'client create ci --scope a --auth private-key-jwt --key k',
      files: { k: JSON.stringify(jwk.private) },
      admin: {},
      status: 2,
      err: /openssl pkey/,
    })
  })

  it.for<WorldRow>([
    { argv: 'client create bot', status: 2, err: /--scope is missing \[input-required\]/ },
    { argv: 'client create --scope a', status: 2, err: /ID is missing/ },
    { argv: 'client create bot --scope a --tier top', status: 2, err: /--tier/ },
    { argv: "client create bot --scope 'a b'", status: 2, err: /\[request-invalid\]/ },
    { argv: 'client create -- ../x', status: 2, err: /--scope is missing/ },
    { argv: 'client create ../x --scope a', status: 2, err: /\[request-invalid\]/ },
    { argv: 'client create deploy-bot --scope a', status: 8, err: /\[client-exists\]/ },
    {
      argv: 'client create bot --scope a --auth private-key-jwt',
      status: 2,
      err: /needs a public key/,
    },
    {
      argv: 'client create bot --scope a --auth secret --secret-file s',
      files: { s: 'hunter2-hunter2\n' },
      status: 2,
      err: /^(?!.*hunter2).*at least 16 characters/,
    },
    {
      argv: 'client create bot --scope a --secret-file s',
      files: { s: 'correct horse battery' },
      status: 2,
      err: /^(?!.*horse).*only with --auth secret/,
    },
  ])('$argv → $status', async (row) => (await withBot()).check(row))

  it('asks on a terminal', async () => {
    const { run, world } = await cliWorld()
    const { status } = await run('client create', {
      tty: true,
      answers: [
        { to: 'input', answer: 'bot' },
        { to: 'input', about: /Scopes/, answer: 'deploy:prod, read' },
      ],
    })
    expect(status).toBe(0)
    expect((await world.admin.showClient({ id: 'bot' })).scopes).toEqual(['deploy:prod', 'read'])
  })
})

describe('client list and show', () => {
  it.for<WorldRow>([
    {
      argv: 'client list',
      status: 0,
      out: [
        'ID          TIER      STATE    SCOPES                      AUDIENCES            AUTH',
        'deploy-bot  standard  enabled  deploy:prod,deploy:staging  https://api.example  -',
        '',
      ].join('\n'),
    },
    { argv: 'client list -q', status: 0, out: 'deploy-bot\n' },
    { argv: 'client list -o name', status: 0, out: 'client/deploy-bot\n' },
    {
      argv: 'client list --tier high',
      status: 0,
      err: 'There are no such clients.\n',
    },
    {
      argv: 'client list -o json',
      status: 0,
      out: `${JSON.stringify({ items: [BOT], nextCursor: null })}\n`,
    },
    { argv: 'client show deploy-bot -o json', status: 0, out: `${JSON.stringify(BOT)}\n` },
    {
      argv: 'client show deploy-bot -o json --fields tags.team',
      status: 0,
      out: '{"tags":{"team":"web"}}\n',
    },
    { argv: 'client show nobody', status: 3, err: /\[client-unknown\]/ },
    { argv: 'client show', status: 2, err: /ID is missing/ },
    {
      argv: 'client show -q',
      tty: true,
      answers: [{ to: 'select', answer: 'deploy-bot' }],
      status: 0,
      out: 'deploy-bot\n',
    },
  ])('$argv → $status', async (row) => (await withBot()).check(row))

  it('says what to do when there is none', async () => {
    const { run } = await cliWorld()
    expect((await run('client list')).err).toContain('credctl client create ID --scope SCOPE')
  })
})

describe('client update', () => {
  const scopes = async (flags: string): Promise<unknown> => {
    const { json } = await withBot()
    const { scopes: after } = (await json(`client update deploy-bot ${flags}`)) as Client
    return after
  }

  it.for<[string, string[]]>([
    ['--scope read', ['read']],
    ['--scope read,write --scope read', ['read', 'write']],
    ['--add-scope read', ['deploy:prod', 'deploy:staging', 'read']],
    ['--add-scope deploy:prod', ['deploy:prod', 'deploy:staging']],
    ['--add-scope read --remove-scope deploy:prod', ['deploy:staging', 'read']],
    ['--tier high', ['deploy:prod', 'deploy:staging']],
  ])('%s', async ([flags, after]) => expect(await scopes(flags)).toEqual(after))

  it('changes audiences, tier and tags, and leaves the rest', async () => {
    const { json } = await withBot()
    expect(
      await json(
        'client update deploy-bot --add-audience https://b.example --remove-audience https://api.example --tier low --tag env=prod --remove-tag team',
      ),
    ).toEqual({ ...BOT, audiences: ['https://b.example'], tier: 'low', tags: { env: 'prod' } })
    expect(await json('client update deploy-bot --tag team=web')).toMatchObject({
      tags: { env: 'prod', team: 'web' },
    })
    expect(await json('client update deploy-bot --audience https://c.example')).toMatchObject({
      audiences: ['https://c.example'],
      tags: { env: 'prod', team: 'web' },
    })
  })

  it.for<WorldRow>([
    { argv: 'client update deploy-bot', status: 2, err: /nothing to change is named/ },
    { argv: 'client update nobody --tier low', status: 3, err: /\[client-unknown\]/ },
    {
      argv: 'client update deploy-bot --scope a --add-scope b',
      status: 2,
      err: /--scope replaces the whole list/,
    },
    {
      argv: 'client update deploy-bot --remove-scope deploy:prod,deploy:staging',
      status: 2,
      err: /at least one scope.*\n.*credctl client disable deploy-bot/,
    },
    {
      argv: 'client update deploy-bot --remove-scope read -q',
      status: 0,
      out: 'deploy-bot\n',
      err: 'warning: there was no scope read to remove\n',
    },
    {
      argv: 'client update deploy-bot --remove-scope deploy:prod',
      status: 0,
      out: /^Changed client deploy-bot\.\n/,
      err: 'tokens issued before keep it; to take it from them too: credctl revoke --client deploy-bot --scope deploy:prod --reason privilege-withdrawn\n',
    },
  ])('$argv → $status', async (row) => (await withBot()).check(row))
})

describe('client disable, enable and delete', () => {
  it('revokes what it held, and says by which revocation', async () => {
    const { world, json } = await withBot()
    const { admin } = world
    const { items } = await admin.issueTokens({ clientId: 'deploy-bot' })
    const disabled = (await json('client disable deploy-bot --yes')) as { revocationId: string }
    expect(disabled).toEqual({
      client: { ...BOT, state: 'disabled' },
      revocationId: expect.stringMatching(/^rev_/),
    })
    expect(await admin.showCredential({ id: items[0]?.credential.id ?? '' })).toMatchObject({
      state: 'revoked',
      revocationId: disabled.revocationId,
    })
    expect(await json('client disable deploy-bot --yes')).toEqual({
      client: { ...BOT, state: 'disabled' },
    })
    expect(await json('client enable deploy-bot')).toEqual({ client: BOT })
    await admin.issueTokens({ clientId: 'deploy-bot' })
    expect(await json('client delete deploy-bot --yes')).toEqual({
      client: BOT,
      revocationId: expect.stringMatching(/^rev_/),
    })
    expect((await admin.listClients({})).items).toEqual([])
  })

  it.for<WorldRow>([
    {
      argv: 'client disable deploy-bot --yes',
      status: 0,
      out: /^Disabled deploy-bot\. It held nothing that was still valid\.\n/,
      err: 'to issue to it again: credctl client enable deploy-bot\n',
    },
    {
      argv: 'client delete deploy-bot --yes',
      status: 0,
      out: /^Deleted deploy-bot\. It held nothing that was still valid\.\n/,
    },
    {
      argv: 'client enable deploy-bot',
      status: 0,
      out: /^deploy-bot is enabled\. What was revoked/,
      err: 'next: credctl token issue --client deploy-bot\n',
    },
    { argv: 'client disable deploy-bot', status: 2, err: /\[confirmation-required\]/ },
    { argv: 'client delete deploy-bot', status: 2, err: /\[confirmation-required\]/ },
    { argv: 'client delete nobody', status: 2, err: /\[confirmation-required\]/ },
    { argv: 'client delete nobody --yes', status: 3, err: /\[client-unknown\]/ },
    { argv: 'client disable nobody --yes', status: 3, err: /\[client-unknown\]/ },
    { argv: 'client delete deploy-bot --confirm other', status: 2, err: /phrase does not match/ },
    { argv: 'client delete deploy-bot --confirm deploy-bot -q', status: 0, out: 'deploy-bot\n' },
    {
      argv: 'client delete deploy-bot',
      tty: true,
      answers: [{ to: 'confirm', about: /Delete deploy-bot\?/, answer: false }],
      status: 1,
      err: /\[declined\]/,
    },
    {
      argv: 'client disable deploy-bot -q',
      tty: true,
      answers: [{ to: 'confirm', about: /Disable deploy-bot\?/, answer: true }],
      status: 0,
      out: 'deploy-bot\n',
    },
  ])('$argv → $status', async (row) => (await withBot()).check(row))

  it('does nothing when declined, and asks nothing when there is nothing to do', async () => {
    const { run, world } = await withBot()
    await run('client disable deploy-bot', {
      tty: true,
      answers: [{ to: 'confirm', answer: false }],
    })
    expect((await world.admin.showClient({ id: 'deploy-bot' })).state).toBe('enabled')
    await run('client disable deploy-bot --yes')
    const again = await run('client disable deploy-bot', { tty: true })
    expect(again.out).toContain('deploy-bot was disabled already; nothing changed.')
  })
})
