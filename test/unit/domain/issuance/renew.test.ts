import { describe, expect, it } from 'vitest'
import type { Client } from '#domain/client/client.ts'
import type { Credential } from '#domain/credential/credential.ts'
import { decideRenewal, type RenewalGround } from '#domain/issuance/renew.ts'
import { defaultPolicy, renewalSecondsMax } from '#domain/policy/policy.ts'
import type { Trust } from '#domain/trust/trust.ts'
import { fromSeconds } from '#kernel/instant.ts'

const ISSUER = 'https://auth.example'
const DAY_SECONDS = renewalSecondsMax(defaultPolicy, { isSignedIn: false })

const client = (more: Partial<Client> = {}): Client => ({
  id: 'job',
  tier: 'standard',
  scopes: ['read', 'deploy:*'],
  audiences: ['a', 'b'],
  authMethods: [],
  keys: [],
  state: 'enabled',
  tags: {},
  createdAt: fromSeconds(0),
  ...more,
})

/** A token of a sign-in at the zero of time. */
const token = (more: Partial<Credential> = {}): Credential =>
  ({
    id: 'cred_1',
    clientId: 'job',
    subject: 'job',
    scopes: ['read', 'deploy:eu'],
    audience: ['a', 'b'],
    rootIssuedAt: fromSeconds(0),
    ...more,
  }) as Credential

const ground = (more: Partial<RenewalGround> & { readonly seconds?: number } = {}) => ({
  client: client(),
  policy: defaultPolicy,
  issuer: ISSUER,
  now: fromSeconds(more.seconds ?? 0),
  isProven: false,
  ...more,
})

const code = (value: string) => expect.objectContaining({ code: value })

describe('the scopes of a renewal', () => {
  it('are those that are left; where none is, there is no renewal', () => {
    const less = ground({ client: client({ scopes: ['read'] }) })
    expect(decideRenewal(token(), {}, less).scopes).toEqual(['read'])
    const none = ground({ client: client({ scopes: ['other'] }) })
    expect(() => decideRenewal(token(), {}, none)).toThrow(code('scope-refused'))
    // What never had any loses none.
    expect(decideRenewal(token({ scopes: [] }), {}, none).scopes).toEqual([])
  })

  it('are each named once, and none that the client has lost', () => {
    const asked = { scopes: ['read', 'read', '*'] }
    expect(decideRenewal(token(), asked, ground()).scopes).toEqual(['read', 'deploy:eu'])
    const less = ground({ client: client({ scopes: ['read'] }) })
    expect(() => decideRenewal(token(), { scopes: ['deploy:eu'] }, less)).toThrow(
      code('scope-refused'),
    )
  })
})

describe('the audience of a renewal', () => {
  it('is each named once, and none that the client has lost', () => {
    expect(decideRenewal(token(), { audience: ['b', 'b'] }, ground()).audience).toEqual(['b'])
    const less = ground({ client: client({ audiences: ['a'] }) })
    expect(() => decideRenewal(token(), { audience: ['b'] }, less)).toThrow(
      code('audience-refused'),
    )
    expect(decideRenewal(token(), {}, less).audience).toEqual(['a'])
  })

  it('is never nobody: where none is left, there is no renewal', () => {
    const none = ground({ client: client({ audiences: ['c'] }) })
    expect(() => decideRenewal(token(), {}, none)).toThrow(code('audience-refused'))
  })
})

describe('the lifetime of a renewal', () => {
  it('ends with the time since the sign-in, and says by how much it was shortened', () => {
    const late = ground({ seconds: DAY_SECONDS - 60 })
    expect(decideRenewal(token(), {}, late)).toMatchObject({ ttlSeconds: 60 })
    expect(decideRenewal(token(), {}, late)).not.toHaveProperty('clampedFromSeconds')
    expect(decideRenewal(token(), { ttlSeconds: 90 }, late)).toMatchObject({
      ttlSeconds: 60,
      clampedFromSeconds: 90,
    })
    const over = ground({ seconds: DAY_SECONDS })
    expect(() => decideRenewal(token(), {}, over)).toThrow(code('subject-refused'))
  })

  it('is longer only for whoever proves to be the client itself, and not a job under its trust', () => {
    const later = ground({ seconds: DAY_SECONDS, isProven: true })
    expect(decideRenewal(token(), {}, later).ttlSeconds).toBeGreaterThan(0)
    const trust = { id: 'deploys', scopes: ['read'] } as unknown as Trust
    for (const other of [token({ subject: 'alice' }), token({ trustId: 'deploys' })]) {
      expect(() => decideRenewal(other, {}, { ...later, trust })).toThrow(code('subject-refused'))
    }
    expect(() => decideRenewal(token(), {}, { ...later, isProven: false })).toThrow(
      code('subject-refused'),
    )
  })
})
