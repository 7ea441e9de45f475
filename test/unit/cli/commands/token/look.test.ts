import { describe, expect, it } from 'vitest'
import type { Credential } from '#cli/commands/shapes.ts'
import { fromNow } from '../../harness.ts'
import type { CliWorld, WorldRow } from '../../world.ts'
import { AUDIENCE, stage } from './stage.ts'

describe('token show', () => {
  it('prints the credential, whole, and never the token', async () => {
    const { json, id, issued, token } = await stage()
    const shown = await json(`token show ${id}`)
    expect(shown).toEqual(issued.credential)
    expect(shown).toEqual({
      id,
      clientId: 'bot',
      subject: 'bot',
      scopes: ['deploy:prod', 'read'],
      audience: [AUDIENCE],
      issuedAt: fromNow(0),
      expiresAt: fromNow(600),
      keyId: issued.credential.keyId,
      sessionId: id,
      state: 'active',
      createdBy: 'local:tester',
      tags: { run: '7' },
    })
    expect(JSON.stringify(shown)).not.toContain(token)
  })

  it('says what can be done next', async () => {
    const { run, id } = await stage()
    const active = await run(`token show ${id}`)
    expect(active.err).toBe(`to revoke it: credctl revoke --token ${id} --reason superseded\n`)
    await run(`revoke --token ${id} --reason testing --yes`)
    const revoked = await run(`token show ${id}`)
    expect(revoked.out).toMatch(/State +revoked/)
    expect(revoked.err).toMatch(/^why: credctl revocation show rev_/)
  })

  it('neither repeats nor sends what may be a secret', async () => {
    const { run, token } = await stage()
    for (const secret of [token, 'credctl_cs_c2VjcmV0c2VjcmV0c2VjcmV0']) {
      const { status, err } = await run(['token', 'show', secret], { admin: {} })
      expect([2, 3]).toContain(status)
      expect(err).not.toContain(secret.slice(0, 20))
    }
  })

  it.for<WorldRow>([
    { argv: 'token show cred_nothing', status: 3, err: /\[credential-unknown\]/ },
    { argv: 'token show nothing', status: 3, err: /\[credential-unknown\]/ },
    { argv: 'token show', status: 2, err: /ID is missing/ },
  ])('$argv → $status', async (row) => (await stage()).check(row))
})

/** Five tokens: two of `bot`, one of them revoked; two of `web`, one of them expired; one tagged. */
async function crowd(): Promise<CliWorld & { readonly names: ReadonlyMap<string, string> }> {
  const it = await stage()
  const { admin } = it.world
  const names = new Map([[it.id, 'first']])
  const issue = async (name: string, input: Parameters<typeof admin.issueTokens>[0]) => {
    const { items } = await admin.issueTokens(input)
    names.set(items[0]?.credential.id ?? '', name)
    return items[0]?.credential.id ?? ''
  }
  await admin.createClient({ id: 'web', scopes: ['read', 'write'] })
  await issue('short', { clientId: 'web', scopes: ['read'], ttlSeconds: 10 })
  it.world.clock.advance(60_000)
  const dead = await issue('dead', { clientId: 'bot', scopes: ['deploy:prod'], subject: 'alice' })
  await issue('tagged', { clientId: 'web', scopes: ['write'], tags: { env: 'a=b' } })
  await admin.revoke({ selector: { tokens: [dead] }, reason: 'testing' })
  return { ...it, names }
}

async function namesOf(it: Awaited<ReturnType<typeof crowd>>, flags: string): Promise<string[]> {
  const { items } = (await it.json(`token list ${flags}`)) as { items: Credential[] }
  return items.map(({ id }) => it.names.get(id) ?? id).sort()
}

describe('token list', () => {
  it.for<[string, string[]]>([
    ['', ['dead', 'first', 'short', 'tagged']],
    ['--client bot', ['dead', 'first']],
    ['--client nobody', []],
    ['--subject alice', ['dead']],
    ['--scope write', ['tagged']],
    ["--scope 'deploy:*'", ['dead', 'first']],
    ['--audience https://api.example', ['dead', 'first']],
    ['--state active', ['first', 'tagged']],
    ['--state revoked', ['dead']],
    ['--state expired', ['short']],
    ['--state suspended', []],
    ['--tag run=7', ['first']],
    ['--tag env=a=b', ['tagged']],
    ['--created-by local:tester --client web', ['short', 'tagged']],
    ['--created-by nobody', []],
    ['--issued-after 30s', ['dead', 'tagged']],
    ['--issued-before 30s', ['first', 'short']],
    ['--issued-before 2026-11-23T19:08:30Z', ['first', 'short']],
    ['--expires-before 9m30s', ['first', 'short']],
    ['--expires-before now', ['short']],
    ['--client bot --state active', ['first']],
  ])('%s', async ([flags, expected]) => {
    expect(await namesOf(await crowd(), flags)).toEqual(expected)
  })

  it('filters by session and by key', async () => {
    const it = await crowd()
    const { keyId } = await it.world.admin.showAuthority({})
    const [first = ''] = [...it.names.keys()]
    expect(await namesOf(it, `--session ${first}`)).toEqual(['first'])
    expect(await namesOf(it, `--key ${keyId}`)).toHaveLength(4)
    expect(await namesOf(it, '--key key_none')).toEqual([])
  })

  it('comes in pages under json, and whole elsewhere', async () => {
    const { json, run, names } = await crowd()
    const page = (await json('token list --limit 3')) as { items: Credential[]; nextCursor: string }
    expect(page.items).toHaveLength(3)
    const rest = (await json(`token list --limit 3 --cursor ${page.nextCursor}`)) as typeof page
    expect(rest).toEqual({ items: [expect.any(Object)], nextCursor: null })
    const ids = [...page.items, ...rest.items].map(({ id }) => id)
    expect(new Set(ids)).toEqual(new Set(names.keys()))
    expect((await run('token list --limit 1 -q')).out.trimEnd().split('\n')).toHaveLength(4)
    expect((await run('token list --limit 1 -o name')).out).toMatch(
      /^(?:credential\/cred_\w+\n){4}$/,
    )
  })

  it('shows what people look for, and more when wide', async () => {
    const { run, world } = await crowd()
    const narrow = (await run('token list --state active')).out.split('\n')
    expect(narrow[0]).toMatch(/^ID +CLIENT +SCOPES +ISSUED +EXPIRES +STATE$/)
    expect(narrow[1]).toMatch(/^cred_\w+ +web +write +now +in 10m +active$/)
    const wide = (await run('token list --state active -o wide')).out.split('\n')
    expect(wide[0]).toMatch(
      /STATE +CREATED BY +LAST SEEN +AUDIENCE +SESSION +KEY +REVOCATION +TAGS$/,
    )
    expect(world.faults).toEqual([])
  })

  it.for<WorldRow>([
    { argv: 'token list --client nobody', status: 0, err: 'There are no such tokens.\n' },
    { argv: 'token list --state dead', status: 2, err: /--state/ },
    { argv: 'token list --tag run', status: 2, err: /--tag/ },
    { argv: 'token list --tag a=1 --tag b=2', status: 2, err: /one tag at a time/ },
    { argv: 'token list --issued-after soon', status: 2, err: /--issued-after/ },
    { argv: 'token list --cursor nonsense', status: 2, err: /\[request-invalid\]/ },
  ])('$argv → $status', async (row) => (await crowd()).check(row))
})
