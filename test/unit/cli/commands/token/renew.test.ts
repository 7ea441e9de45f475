import { describe, expect, it } from 'vitest'
import { opened } from '../../../app/forge.ts'
import { ciStage } from '../../ci/stage.ts'

/** A token of client `bot`, which has no credentials, for ten minutes. */
async function withToken() {
  const stage = await ciStage()
  const { items } = await stage.world.admin.issueTokens({
    clientId: 'bot',
    scopes: ['deploy:prod', 'deploy:eu'],
  })
  const [issued] = items
  const token = issued?.token ?? ''
  return Object.assign(stage, { token, id: issued?.credential.id ?? '' })
}

describe('token renew', () => {
  it.for<[string, string, (token: string) => object]>([
    ['stdin', 'token renew -', (stdin) => ({ stdin: `${stdin}\n`, env: {} })],
    ['a file', 'token renew --token-file f', (f) => ({ files: { f: `${f}\n` }, env: {} })],
    ['a variable', 'token renew', (ACCESS_TOKEN) => ({ env: { ACCESS_TOKEN } })],
  ])('exchanges the token of %s, and asks no administrator', async ([, argv, sceneOf]) => {
    const { runJob, token, id } = await withToken()
    const { status, out, err } = await runJob(`${argv} -o json`, { ...sceneOf(token), admin: {} })
    expect({ status, err }).toEqual({ status: 0, err: '' })
    const shown = JSON.parse(out)
    const { claims } = opened(shown.token)
    expect(shown).toEqual({
      token: expect.any(String),
      tokenType: 'Bearer',
      expiresIn: 600,
      credential: {
        id: claims['jti'],
        clientId: 'bot',
        subject: 'bot',
        scopes: ['deploy:prod', 'deploy:eu'],
        audience: ['https://api'],
        issuedAt: expect.any(String),
        expiresAt: expect.any(String),
        keyId: expect.any(String),
        sessionId: id,
        parentId: id,
        state: 'active',
        createdBy: 'client:bot',
        tags: {},
      },
    })
  })

  it('prints as token issue does, in every form that a script takes', async () => {
    const { runJob, token } = await withToken()
    const env = { ACCESS_TOKEN: token }
    const plain = await runJob('token renew -o token', { env })
    expect(plain).toMatchObject({ status: 0, out: expect.stringMatching(/^eyJ\S+\n$/), err: '' })
    const shell = await runJob('token renew -o env --env DEPLOY', { env })
    expect(shell.out).toMatch(/^DEPLOY=eyJ\S+\nDEPLOY_EXPIRES_AT=20\S+Z\n$/)
    const ids = await runJob('token renew -q', { env })
    expect(ids.out).toMatch(/^cred_\S+\n$/)
    const table = await runJob('token renew', { env })
    expect(table.out).toMatch(
      /^Renewed a token of bot for deploy:prod deploy:eu, valid for 10m\.[^]*\n\neyJ\S+\n\n$/,
    )
    expect(table.err).toBe('the one before it is good until it expires\n')
    const filed = await runJob('token renew -o json --out-file new', { env })
    expect(filed.written.get('new')).toMatch(/^eyJ\S+\n$/)
    expect(JSON.parse(filed.out)).toMatchObject({ outFile: 'new' })
    expect(filed.out).not.toContain('eyJ')
  })

  it('asks for less, and says where it became less than was asked for', async () => {
    const { runJob, token } = await withToken()
    const env = { ACCESS_TOKEN: token }
    const argv = 'token renew --scope deploy:eu --audience https://api --ttl 8h -o json'
    const { status, out, err } = await runJob(argv, { env })
    expect(status).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      expiresIn: 3600,
      clampedFrom: 28_800,
      credential: { scopes: ['deploy:eu'] },
    })
    expect(err).toMatch(/shortened from 8h to 1h/)
  })

  it.for<[string, string, number, RegExp]>([
    ['a scope that it does not carry', '--scope admin', 5, /scope/],
    ['a server that it is not for', '--audience https://b', 5, /audience/],
    ['a lifetime of nothing', '--ttl 0s', 2, /--ttl/],
    ['a variable that nobody asks for', '--env X', 2, /-o env/],
    ['a name that is none', '--env 1X -o env', 2, /no name of a variable/],
    ['two tokens', '- --token-file f', 2, /only one/],
    ['a file that exists', '--out-file there', 2, /exists/],
  ])('refuses %s', async ([, more, expected, said]) => {
    const { runJob, token, states } = await withToken()
    const { status, out, err } = await runJob(`token renew ${more}`, {
      env: { ACCESS_TOKEN: token },
      files: { there: '' },
    })
    expect({ status, out, err }).toEqual({
      status: expected,
      out: '',
      err: expect.stringMatching(said),
    })
    expect(await states()).toEqual(['active'])
  })

  it('says what is wrong with a token as far as the token itself tells, and never shows it', async () => {
    const { runJob, token, id, world } = await withToken()
    const env = { ACCESS_TOKEN: token }
    const none = await runJob('token renew', { env: {} })
    expect(none).toMatchObject({ status: 2, err: expect.stringMatching(/there is no token/) })
    const strange = await runJob('token renew', { env: { ACCESS_TOKEN: 'x' } })
    expect(strange).toMatchObject({ status: 4, err: expect.stringMatching(/can be exchanged/) })
    await world.admin.revoke({ selector: { tokens: [id] }, reason: 'other' })
    const revoked = await runJob('token renew --out-file new', { env })
    expect(revoked).toMatchObject({ status: 4, err: expect.stringContaining(`/status/${id}`) })
    // What nobody got is written nowhere.
    expect(revoked.written.has('new')).toBe(false)
    world.clock.advance(601_000)
    const expired = await runJob('token renew -o json', { env, now: world.clock.now() })
    expect(expired).toMatchObject({ status: 4, err: expect.stringMatching(/expired at 2026-/) })
    expect(JSON.parse(expired.err)).toMatchObject({ code: 'subject-refused', requestId: 'req_1' })
    for (const { err } of [revoked, expired]) expect(err).not.toContain(token.slice(-20))
  })

  it('says so where the client has credentials of its own', async () => {
    const { runJob, world } = await withToken()
    await world.admin.createClient({ id: 'api', scopes: ['read'], auth: 'secret' })
    const { items } = await world.admin.issueTokens({ clientId: 'api' })
    const { status, err } = await runJob('token renew', {
      env: { ACCESS_TOKEN: items[0]?.token ?? '' },
    })
    expect({ status, err }).toEqual({
      status: 4,
      err: expect.stringMatching(/client api has credentials/),
    })
  })

  it('is masked in a job of GitHub before anything else is done with it', async () => {
    const { runJob, token } = await withToken()
    const env = { ACCESS_TOKEN: token, GITHUB_ACTIONS: 'true' }
    const { out, err } = await runJob('token renew -o token', { env })
    expect(err).toBe(`::add-mask::${out}`)
  })

  it('goes on where an answer was lost: what nobody got is of the same session', async () => {
    const stage = await withToken()
    const { token, world } = stage
    let losses = 0
    stage.intercept = (transport) => ({
      ...transport,
      async post(...given) {
        const reply = await transport.post(...given)
        const { refuse } = await import('#kernel/problem.ts')
        if (losses++ === 0) refuse('authority-unreachable', 'cut', { facts: { sent: true } })
        return reply
      },
    })
    const { status } = await stage.runJob('token renew -o token', { env: { ACCESS_TOKEN: token } })
    expect(status).toBe(0)
    const { items } = await world.admin.listCredentials({ sessionId: stage.id })
    expect(items).toHaveLength(3)
  })
})
