import { describe, expect, it, onTestFinished } from 'vitest'
import { createVerifier } from '#boot/verifier.ts'
import type { Alarm, Decision, Verifier, VerifierOptions } from '#boot/verifier/types.ts'
import { AUDIENCE, ISSUER, type TestAuthority, testAuthority, until } from './test-authority.ts'

async function started(
  authority: TestAuthority,
  options: Partial<VerifierOptions> = {},
): Promise<Verifier & { readonly alarms: Alarm[] }> {
  const alarms: Alarm[] = []
  const verifier = await createVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    url: authority.url,
    name: 'api-1',
    onAlarm: (alarm) => alarms.push(alarm),
    ...options,
  })
  onTestFinished(() => verifier.close())
  return Object.assign(verifier, { alarms })
}

const ended = (verifier: Verifier, token: string | Decision): Promise<Decision> =>
  new Promise((resolve) => verifier.onRevoked(token, resolve))

describe('a verifier', () => {
  it('starts with a lease, accepts, and stops accepting what is revoked', async () => {
    const authority = await testAuthority()
    const verifier = await started(authority)
    const token = authority.issue()
    const decision = await verifier.verify(token, { scopes: ['read'] })
    expect(decision).toMatchObject({ verdict: 'accepted', claims: { client_id: 'bot' } })
    const gone = ended(verifier, decision)
    const revocationId = authority.revoke({ clients: ['bot'] }, { message: 'rotate your key' })
    const revoked = {
      verdict: 'revoked',
      reason: 'testing',
      message: 'rotate your key',
      revocationId,
    }
    expect(await gone).toMatchObject(revoked)
    expect(await verifier.verify(token)).toMatchObject(revoked)
    expect(await verifier.verify(authority.issue())).toMatchObject({ verdict: 'accepted' })
    await until(() => authority.acknowledged.at(-1)?.['position'] === authority.position())
    expect(verifier.alarms).toEqual([])
    expect(verifier.status()).toMatchObject({
      state: 'fresh',
      position: authority.position(),
      headAgeSeconds: expect.any(Number),
      name: 'api-1',
      url: authority.url,
      incarnation: authority.questions[0]?.['incarnation'],
    })
  })
})
