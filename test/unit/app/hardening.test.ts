import { describe, expect, it } from 'vitest'
import { createWorld, LOCAL, refusalOf, remote } from '../world.ts'

const none = { selector: {}, exceptions: {} }

describe('what a revocation takes stays taken', () => {
  it.for(['disableClient', 'deleteClient'] as const)('after %s', async (end) => {
    const { admin } = await createWorld()
    await admin.createClient({ id: 'bot', scopes: ['deploy:prod'] })
    const { items } = await admin.issueTokens({ clientId: 'bot' })
    const { revocationId = '' } = await admin[end]({ id: 'bot' })
    const { code } = await refusalOf(admin.liftRevocation({ id: revocationId }))
    expect(code).toBe('revocation-final')
    const { verdict } = await admin.verifyToken({ token: items[0]?.token ?? '' })
    expect(verdict).toBe('revoked')
  })
})

describe('what all spares', () => {
  const caller = remote(['admin:clients:write', 'admin:credentials:write', 'admin:clients:read'])

  it('is made, changed and used by the administrator of the machine alone', async () => {
    const { admin, as } = await createWorld()
    const far = as(caller)
    const made = await refusalOf(far.createClient({ id: 'break-glass', scopes: ['x'] }))
    expect(made.code).toBe('policy-denied')
    await admin.createClient({ id: 'break-glass', scopes: ['x'] })
    expect((await refusalOf(far.issueTokens({ clientId: 'break-glass' }))).code).toBe(
      'policy-denied',
    )
    const changed = far.updateClient({ id: 'break-glass', scopes: ['x', 'y'] })
    expect((await refusalOf(changed)).code).toBe('policy-denied')
    expect((await admin.issueTokens({ clientId: 'break-glass' })).items).toHaveLength(1)
  })
})

describe('a key', () => {
  it('is revoked by whoever may change keys, and not by who may only revoke', async () => {
    const { admin, as } = await createWorld()
    const { keyId } = await admin.showAuthority({})
    const selector = { keys: [keyId] }
    const lesser = as(remote(['admin:revocations:write']))
    const refused = await refusalOf(lesser.revoke({ selector, reason: 'compromise' }))
    expect(refused.code).toBe('scope-insufficient')
    const greater = as(remote(['admin:revocations:write', 'admin:keys:write']))
    const { revocation } = await greater.revoke({ selector, reason: 'compromise' })
    expect(revocation?.final).toBe(true)
  })
})

describe('an exception that nobody answers to', () => {
  it('is warned of, one that somebody does is not', async () => {
    const { admin } = await createWorld()
    await admin.createClient({ id: 'bot', scopes: ['a:b'] })
    await admin.issueTokens({ clientId: 'bot' })
    const warningsOf = async (exceptions: object): Promise<readonly string[]> =>
      (
        await admin.planRevocation({
          ...none,
          selector: { all: true },
          exceptions,
          reason: 'other',
        })
      ).warnings
    expect((await warningsOf({ clients: ['bto'] })).join()).toMatch(/no client bto is registered/)
    expect((await warningsOf({ tokens: ['cred_x'] })).join()).toMatch(/no credential cred_x/)
    expect((await warningsOf({ clients: ['bot'] })).join()).not.toMatch(/spares nothing/)
  })
})

describe('from afar', () => {
  it('no issuer without TLS is asked for its keys', async () => {
    const asked: string[] = []
    const { as } = await createWorld({
      foreignIssuers: {
        async verify(issuer) {
          asked.push(issuer)
          return { verdict: 'invalid' }
        },
      },
    })
    const token = 'e30.e30.AA'
    const far = as(remote(['admin:credentials:read']))
    const refused = await refusalOf(far.verifyToken({ token, issuer: 'http://169.254.169.254' }))
    expect(refused.code).toBe('policy-denied')
    await far.verifyToken({ token, issuer: 'https://issuer.example.com' })
    await as(LOCAL).verifyToken({ token, issuer: 'http://127.0.0.1:9' })
    expect(asked).toEqual(['https://issuer.example.com', 'http://127.0.0.1:9'])
  })

  it('a selector holds a hundred patterns, and no more', async () => {
    const { admin } = await createWorld()
    const scopes = Array.from({ length: 101 }, (_, i) => `s${i}:*`)
    const refused = await refusalOf(admin.planRevocation({ selector: { scopes }, reason: 'other' }))
    expect(refused.code).toBe('request-invalid')
  })
})
