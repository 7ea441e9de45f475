import { describe, expect, it } from 'vitest'
import { cliWorld } from './world.ts'

type Issued = { readonly credential: { readonly id: string; readonly state: string } }
const KEY = '--idempotency-key job-7/attempt'

async function withClient() {
  const cli = await cliWorld()
  await cli.world.admin.createClient({ id: 'a', scopes: ['read'] })
  const count = async (): Promise<number> =>
    (await cli.world.admin.listCredentials({ limit: 1000 })).items.length
  return { ...cli, count }
}

describe('--idempotency-key', () => {
  it('gives the same credential again, and issues it once', async () => {
    const { json, count, world } = await withClient()
    const first = (await json(`token issue --client a ${KEY}`)) as Issued
    world.clock.advance(10_000)
    const again = (await json(`token issue --client a ${KEY}`)) as Issued
    expect(again.credential).toEqual(first.credential)
    expect(await count()).toBe(1)
    const other = (await json('token issue --client a --idempotency-key other')) as Issued
    const none = (await json('token issue --client a')) as Issued
    expect(new Set([first, other, none].map(({ credential }) => credential.id)).size).toBe(3)
  })

  it('for another request is exit 8, and changes nothing', async () => {
    const { json, check, count } = await withClient()
    await json(`token issue --client a ${KEY}`)
    const err = /another request was sent under this idempotency key \[idempotency-conflict\]/
    await check({ argv: `token issue --client a --ttl 1m ${KEY}`, status: 8, err })
    await check({ argv: `client disable a --yes ${KEY}`, status: 8, err })
    expect(await count()).toBe(1)
  })

  it('says that what it gives again is no longer active', async () => {
    const { json, check, world } = await withClient()
    const { credential } = (await json(`token issue --client a ${KEY}`)) as Issued
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'superseded' })
    await check({
      argv: `token issue --client a ${KEY} --fields credential.state -o csv`,
      status: 0,
      out: 'credential.state\nrevoked\n',
      err: `warning: issued before under this idempotency key, and no longer active: ${credential.id} is revoked\n`,
    })
  })

  it('repeats a revocation as it was, although nothing is left to match', async () => {
    const { json, world } = await withClient()
    await json('token issue --client a')
    const argv = `revoke --client a --reason testing --yes ${KEY}`
    const first = (await json(argv)) as { revocation: { id: string } }
    world.clock.advance(60_000)
    expect(await json(argv)).toEqual(first)
    expect((await world.admin.listRevocations({})).items).toHaveLength(1)
  })

  it.for(['', '"with blank"', 'ümlaut', 'x'.repeat(129)])('refuses the key %j', async (key) => {
    const { check } = await cliWorld()
    await check({
      argv: `token list --idempotency-key=${key}`,
      status: 2,
      err: /--idempotency-key: a key has 1 to 128 printable ASCII characters, and no blanks \[usage-invalid\]/,
    })
  })
})
