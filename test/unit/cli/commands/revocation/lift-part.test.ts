import { describe, expect, it } from 'vitest'
import { idOf, type Stage, stage, tokenOf } from '../revoke/stage.ts'

async function revoked(): Promise<Stage & { readonly id: string }> {
  const on = await stage()
  const { revocation } = await on.world.admin.revoke({
    selector: { scopes: ['*'] },
    reason: 'testing',
  })
  return { ...on, id: revocation?.id ?? '' }
}

describe('lift --only-token', () => {
  it('gives these back and nothing else, and names what keeps the rest', async () => {
    const on = await revoked()
    const ran = await on.run(
      `revocation lift ${on.id} --only-token ${idOf(on, 0)} --reason mistaken`,
      {
        tty: true,
        answers: [{ to: 'confirm', about: /Give 1 token .*The rest stays revoked/, answer: true }],
      },
    )
    expect(ran.status).toBe(0)
    expect(ran.out).toMatch(
      new RegExp(
        `^Lifted ${on.id}: 1 credential of deploy-bot is valid again\\. rev_\\w+ keeps the rest revoked\\.\\n`,
      ),
    )
    expect(ran.out).toMatch(/\nReplaced by +rev_\w+\n/)
    expect(ran.out).toMatch(new RegExp(`\\ntoken:${idOf(on, 0)} +revived`))
    const states = await Promise.all([0, 1, 2].map((at) => on.stateOf(idOf(on, at))))
    expect(states).toEqual(['active', 'revoked', 'revoked'])
    const [entry] = (await on.world.admin.listAudit({ action: 'revocation.lift' })).items
    expect(entry?.justification).toBe('mistaken')
  })

  it('with one that is not there is exit 6, with a result for each', async () => {
    const on = await revoked()
    const ran = await on.run(
      `revocation lift ${on.id} --only-token ${idOf(on, 2)},cred_none -y -o json`,
    )
    expect(ran.status).toBe(6)
    const { items, replacement, revived } = JSON.parse(ran.out) as Record<string, unknown>
    expect(items).toEqual([
      { target: `token:${idOf(on, 2)}`, result: 'revived' },
      expect.objectContaining({ target: 'token:cred_none', result: 'not-found' }),
    ])
    expect(replacement).toMatchObject({ reason: 'testing' })
    expect(revived).toMatchObject({ credentials: 1 })
    expect(JSON.parse(ran.err)).toMatchObject({
      code: 'partly-done',
      facts: { items: [{ target: 'token:cred_none' }] },
    })
  })

  it('says of one that another revocation matches that it stays revoked', async () => {
    const on = await revoked()
    await on.world.admin.revoke({ selector: { clients: ['reader'] }, reason: 'other', block: true })
    const ran = await on.run(`revocation lift ${on.id} --only-token ${idOf(on, 2)} -y`)
    expect(ran.status).toBe(6)
    expect(ran.out).toMatch(/no unexpired credential is valid again by it\. rev_\w+ keeps the rest/)
    expect(ran.out).toMatch(/ still-revoked /)
  })

  it('takes the token itself from stdin', async () => {
    const on = await revoked()
    const ran = await on.run(`revocation lift ${on.id} --only-token - -y`, {
      stdin: tokenOf(on, 1),
    })
    expect(ran.status).toBe(0)
    expect(await on.stateOf(idOf(on, 1))).toBe('active')
    expect(ran.out + ran.err).not.toContain(tokenOf(on, 1))
  })

  it('of nothing that it hit is exit 3, and changes nothing', async () => {
    const on = await revoked()
    const ran = await on.run(`revocation lift ${on.id} --only-token cred_none -y`)
    expect(ran.status).toBe(3)
    expect((await on.world.admin.listRevocations({ state: 'lifted' })).items).toEqual([])
  })

  it('counts the tokens in its question', async () => {
    const on = await revoked()
    const ran = await on.run(
      `revocation lift ${on.id} --only-token ${idOf(on, 0)},${idOf(on, 1)}`,
      { tty: true, answers: [{ to: 'confirm', about: /Give 2 tokens of rev_/, answer: false }] },
    )
    expect(ran.status).toBe(1)
  })

  it('of an uncounted one the question promises no number', async () => {
    const on = await stage()
    const { revocation } = await on.world.admin.revoke({
      selector: { clients: ['deploy-bot'] },
      reason: 'testing',
      count: false,
    })
    const ran = await on.run(`revocation lift ${revocation?.id}`, {
      tty: true,
      answers: [{ to: 'confirm', about: /Of what it revoked, whatever is still/, answer: true }],
    })
    expect(ran.status).toBe(0)
    expect(ran.out).toContain('2 credentials of deploy-bot are valid again.')
  })
})
