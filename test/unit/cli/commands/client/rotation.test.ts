import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { cliWorld } from '../../world.ts'

const pem = (): string =>
  String(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
      type: 'spki',
      format: 'pem',
    }),
  )

async function withApi() {
  const it = await cliWorld()
  await it.world.admin.createClient({ id: 'api', scopes: ['read'], auth: 'secret' })
  return it
}

describe('client secret rotate', () => {
  it('gives a script the secret, and says until when the old one is good', async () => {
    const { json } = await withApi()
    expect(await json('client secret rotate api --overlap 1h')).toEqual({
      client: expect.objectContaining({ id: 'api' }),
      clientSecret: expect.stringMatching(/^credctl_cs_[\w-]{43}$/),
      previousExpireAt: '2026-11-23T20:08:00.000Z',
    })
  })

  it('tells a person how long the old one is good, and shows the new one once', async () => {
    const { check } = await withApi()
    await check({
      argv: 'client secret rotate api --overlap 1h',
      tty: true,
      status: 0,
      out: /^Made a new secret for api\. The old one is good for 1h more\.\n[^]*\n\ncredctl_cs_[\w-]{43}\n\n$/,
    })
  })

  it('asks first where the old one ends at once, and is nothing for a script without --yes', async () => {
    const { run, json } = await withApi()
    const { status, err } = await run('client secret rotate api')
    expect(status).toBe(2)
    expect(err).toContain('--yes')
    expect(await json('client secret rotate api --yes')).toMatchObject({
      previousExpireAt: '2026-11-23T19:08:00.000Z',
    })
  })

  it('asks nobody about a first secret', async () => {
    const { check, world } = await withApi()
    await world.admin.createClient({ id: 'new', scopes: ['read'] })
    await check({
      argv: 'client secret rotate new --yes',
      tty: true,
      status: 0,
      out: /^Made a new secret for new\.\n/,
    })
  })

  it('tells that the secret is lost where nothing shows it', async () => {
    const { run } = await withApi()
    const { out, err } = await run('client secret rotate api --yes -q')
    expect(out).not.toContain('credctl_cs_')
    expect(err).toContain('to have one: credctl client secret rotate api -o json')
  })
})

describe('client key', () => {
  it('adds a key, and says so when it was there already', async () => {
    const { check, world } = await withApi()
    const stdin = pem()
    await check({ argv: 'client key add api --key -', stdin, status: 0, out: /^Added to api: / })
    expect((await world.admin.showClient({ id: 'api' })).keys).toHaveLength(1)
    await check({
      argv: 'client key add api --key -',
      stdin,
      status: 0,
      out: /^api had that key already; nothing changed\./,
    })
  })

  it('removes one after asking, and says what else to do', async () => {
    const { check, json, run, world } = await withApi()
    await json('client key add api --key -', { stdin: pem() })
    const { keys } = await world.admin.showClient({ id: 'api' })
    const id = keys[0]?.id ?? ''
    expect((await run(`client key remove api ${id}`)).status).toBe(2)
    expect((await world.admin.showClient({ id: 'api' })).keys).toHaveLength(1)
    await check({
      argv: `client key remove api ${id} --yes`,
      status: 0,
      out: new RegExp(`^Removed ${id} from api\\.`),
      err: /credctl revoke --client api --reason compromise/,
    })
    expect((await world.admin.showClient({ id: 'api' })).keys).toEqual([])
    expect((await run(`client key remove api ${id} --yes`)).status).toBe(3)
  })
})
