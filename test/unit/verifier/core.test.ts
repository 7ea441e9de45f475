import { describe, expect, it } from 'vitest'
import { AUDIENCE, SECOND } from './authority.ts'
import { Rig } from './rig.ts'

describe('a verifier that starts', () => {
  it('decides nothing before it was answered, and asks', () => {
    const rig = new Rig()
    const token = rig.authority.token()
    expect(rig.verdict(token)).toBe('stale cold')
    rig.start()
    expect(rig.verdict(token)).toBe('accepted')
    expect(rig.core.applied()?.position).toBe(rig.authority.state.position)
    expect(rig.taken('acknowledge')).toHaveLength(1)
  })

  it('follows by the stream', () => {
    const rig = new Rig().start()
    const token = rig.authority.token()
    const other = rig.authority.token({ client_id: 'other' })
    const id = rig.authority.revoke({ clients: ['bot'] }, { message: 'ask Ann' })
    expect(rig.verdict(token)).toBe('accepted')
    rig.pass(SECOND)
    rig.follow()
    expect(rig.decide(token).decision).toMatchObject({
      verdict: 'revoked',
      reason: 'other',
      message: 'ask Ann',
      revocationId: id,
    })
    expect(rig.verdict(other)).toBe('accepted')
    expect(AUDIENCE).toBeDefined()
  })
})
