import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { createOauthCore } from '#app/oauth/core.ts'
import { grantToken } from '#app/oauth/token.ts'
import { readForm } from '#domain/oauth/form.ts'
import { createIdentityTokens } from '#federation/identity.ts'
import { opened } from './forge.ts'
import { createWorld, ISSUER, refusalOf } from '../world.ts'

const CI = 'https://ci.example'
const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] }
const TYPE = 'urn:ietf:params:oauth:token-type:'

/** A job that has exchanged its identity token for one of ours. */
async function withJob() {
  const world = await createWorld({ identityTokens: createIdentityTokens(async () => undefined) })
  await world.admin.createClient({ id: 'bot', scopes: ['deploy:*'] })
  await world.admin.createTrust({
    id: 'deploys',
    form: 'github-actions',
    issuer: CI,
    claims: { repository_id: ['4711'] },
    clientId: 'bot',
    scopes: ['deploy:prod', 'deploy:eu'],
    jwks,
  })
  const endOfTick = async (): Promise<void> => undefined
  const core = createOauthCore(world.deps, { endOfTick, clientLimit: () => 0 })
  const exchange = async (token: string, type: string, more: object = {}) => {
    const fields = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: `${TYPE}${type}`,
      ...more,
    }
    const form = readForm(new URLSearchParams(fields).toString())
    if (typeof form === 'string') throw new Error(form)
    const origin = { transport: 'http' } as const
    return grantToken(core, { form, presented: { kind: 'none' }, origin, requestId: 'req_1' })
  }
  const now = Math.floor(world.clock.now() / 1000)
  const identity = await new SignJWT({ repository_id: '4711', sub: 'repo:o/r' })
    .setProtectedHeader({ alg: 'RS256', kid: 'k' })
    .setIssuer(CI)
    .setAudience(ISSUER)
    .setJti('job-1')
    .setIssuedAt(now)
    .setExpirationTime(now + 300)
    .sign(privateKey)
  const { token } = await exchange(identity, 'jwt')
  return { world, token, renew: (text: string, more = {}) => exchange(text, 'access_token', more) }
}

describe('a token that a job got by a trust', () => {
  it('is renewed under that trust, without the identity token, and speaks for the same', async () => {
    const { world, token, renew } = await withJob()
    world.clock.advance(400_000)
    const renewed = await renew(token)
    expect(opened(renewed.token).claims).toMatchObject({
      trust: 'deploys',
      sub: 'repo:o/r',
      sid: opened(token).claims['jti'],
      scope: 'deploy:prod deploy:eu',
    })
    await world.admin.revoke({ selector: { trusts: ['deploys'] }, reason: 'compromise' })
    expect((await world.admin.verifyToken({ token: renewed.token })).verdict).toBe('revoked')
    expect((await refusalOf(renew(renewed.token))).code).toBe('subject-refused')
  })

  it('is renewed for what the trust still gives, and for as long', async () => {
    const { world, token, renew } = await withJob()
    await world.admin.updateTrust({ id: 'deploys', scopes: ['deploy:eu'], ttlSecondsMax: 90 })
    expect(await renew(token)).toMatchObject({ scopes: ['deploy:eu'], ttlSeconds: 90 })
    expect(await renew(token, { expires_in: '60' })).toMatchObject({ ttlSeconds: 60 })
    expect(await renew(token, { expires_in: '600' })).toMatchObject({ ttlSeconds: 90 })
    expect((await refusalOf(renew(token, { scope: 'deploy:prod' }))).code).toBe('scope-refused')
  })

  it('is not renewed while its trust is on trial, or when it is there no more', async () => {
    const { world, token, renew } = await withJob()
    await world.admin.updateTrust({ id: 'deploys', mode: 'audit' })
    expect((await refusalOf(renew(token))).code).toBe('subject-refused')
    await world.admin.updateTrust({ id: 'deploys', mode: 'enforce' })
    await renew(token)
    await world.admin.createClient({ id: 'other', scopes: ['deploy:*'] })
    await world.store.write(async (tx) => {
      const trust = await tx.findTrust('deploys')
      // Made anew under its old name, for another client.
      if (trust !== undefined) await tx.updateTrust({ ...trust, clientId: 'other' })
    })
    expect((await refusalOf(renew(token))).code).toBe('subject-refused')
    await world.store.write((tx) => tx.deleteTrust('deploys'))
    expect((await refusalOf(renew(token))).code).toBe('subject-refused')
  })

  it('is renewed for a day, and that is all', async () => {
    const { world, token, renew } = await withJob()
    const begun = world.clock.now()
    let last = token
    for (let turn = 0; turn < 28; turn++) {
      world.clock.advance(3_000_000)
      if (turn === 0) world.clock.advance(-2_500_000)
      last = (await renew(last, { expires_in: '3600' })).token
    }
    world.clock.advance(3_000_000)
    const end = await renew(last, { expires_in: '3600' })
    expect(Number(opened(end.token).claims['exp']) * 1000).toBe(begun + 86_400_000)
  })
})
