import { describe, expect, it } from 'vitest'
import { fromNow } from '../../harness.ts'
import { idOf, type Stage, stage } from '../revoke/stage.ts'

interface Revoked extends Stage {
  /** Blocks `deploy-bot`. */
  readonly block: string
  /** Plain, of `reader`. */
  readonly plain: string
  readonly final: string
}

async function revoked(): Promise<Revoked> {
  const on = await stage()
  const { admin } = on.world
  const idOfNew = async (request: Parameters<typeof admin.revoke>[0]): Promise<string> =>
    (await admin.revoke(request)).revocation?.id ?? ''
  return {
    ...on,
    block: await idOfNew({ selector: { clients: ['deploy-bot'] }, reason: 'compromise' }),
    plain: await idOfNew({ selector: { clients: ['reader'] }, reason: 'testing' }),
    final: await idOfNew({
      selector: { audiences: ['https://api.example'] },
      reason: 'other',
      final: true,
      block: true,
      exceptions: { subjects: ['alice'], tokens: [], clients: [], sessions: [] },
    }),
  }
}

describe('list', () => {
  it('prints revocations by state, reason and actor, the newest first', async () => {
    const on = await revoked()
    const { block, plain, final } = on
    const names = async (argv: string): Promise<string[]> => {
      const { status, out, err } = await on.run(`revocation list ${argv} -q`)
      expect({ status, err }).toEqual({ status: 0, err: '' })
      return out.split('\n').filter(Boolean)
    }
    expect(await names('')).toEqual([final, plain, block])
    expect(await names('--reason compromise')).toEqual([block])
    // Nothing live was left for the last one to hit, so nothing of it is unproven.
    expect(await names('--state open')).toEqual([plain, block])
    expect(await names('--state enforced')).toEqual([final])
    expect(await names('--actor local:tester --limit 1')).toEqual([final, plain, block])
    await on.world.admin.liftRevocation({ id: plain })
    expect(await names('--state lifted')).toEqual([plain])
  })

  it('prints JSON a page at a time, and a table with everything', async () => {
    const on = await revoked()
    const page = await on.run('revocation list -o json --limit 2')
    const first = JSON.parse(page.out) as { items: { id: string }[]; nextCursor: string }
    expect(first.items.map(({ id }) => id)).toEqual([on.final, on.plain])
    const rest = await on.run(`revocation list -o json --limit 2 --cursor ${first.nextCursor}`)
    expect(JSON.parse(rest.out)).toMatchObject({ items: [{ id: on.block }], nextCursor: null })
    const table = await on.run('revocation list --limit 1')
    expect(table.out.trimEnd().split('\n')).toHaveLength(4)
    expect(table.out).toMatch(
      /^ID +STATE +REASON +CREDENTIALS +BLOCKS +PUBLISHED +EXPIRES +ACTOR\n/,
    )
  })

  it('of nothing says so', async () => {
    const on = await stage()
    const ran = await on.run('revocation list')
    expect(ran).toMatchObject({ status: 0, err: 'There are no such revocations.\n' })
    expect((await on.run('revocation list -o json')).out).toBe('{"items":[],"nextCursor":null}\n')
    expect((await on.run('revocation list --state alive')).status).toBe(2)
  })
})

describe('show', () => {
  it('prints the revocation as the API has it', async () => {
    const on = await revoked()
    const ran = await on.run(`revocation show ${on.final} -o json`)
    expect(ran.status).toBe(0)
    const enforcement = await on.world.admin.showEnforcement({ id: on.final })
    expect(JSON.parse(ran.out)).toEqual({
      ...(await on.world.admin.showRevocation({ id: on.final })),
      enforcement,
    })
    const plain = await on.run(`revocation show ${on.final}`)
    expect(plain.out).toMatch(/^Hits audience:https:\/\/api\.example; spares subject:alice\n/)
  })

  it('of none is exit 3', async () => {
    const on = await stage()
    const ran = await on.run('revocation show rev_none')
    expect(ran.status).toBe(3)
    expect(ran.err).toContain('[revocation-unknown]')
    expect((await on.run('revocation show')).status).toBe(2)
  })
})

describe('lift', () => {
  it('asks, undoes it, and tells what is valid again', async () => {
    const on = await revoked()
    const ran = await on.run(`revocation lift ${on.block} --justification "false alarm"`, {
      tty: true,
      answers: [{ to: 'confirm', about: /Of the 2 credentials that it revoked/, answer: true }],
    })
    expect(ran.status).toBe(0)
    expect(ran.out).toContain(`Lifted ${on.block}: 2 credentials of deploy-bot are valid again.\n`)
    expect(await on.stateOf(idOf(on, 0))).toBe('active')
    const [entry] = (await on.world.admin.listAudit({ action: 'revocation.lift' })).items
    expect(entry?.justification).toBe('false alarm')
    await on.world.admin.issueTokens({ clientId: 'deploy-bot' })
  })

  it('takes one reason, and not two', async () => {
    const on = await revoked()
    const two = await on.run(`revocation lift ${on.block} --reason a --justification b -y`)
    expect(two).toMatchObject({ status: 2, err: expect.stringMatching(/two things/) })
    const same = await on.run(`revocation lift ${on.block} --reason a --justification a -y`)
    expect(same.status).toBe(0)
  })

  it('prints { revocation, alreadyLifted, revived }, and twice is success', async () => {
    const on = await revoked()
    const first = await on.run(`revocation lift ${on.plain} -y -o json`)
    const revocation = await on.world.admin.showRevocation({ id: on.plain })
    expect(revocation).toMatchObject({ state: 'lifted', liftedAt: fromNow(0) })
    expect(JSON.parse(first.out)).toEqual({
      revocation,
      alreadyLifted: false,
      revived: {
        credentials: 1,
        byClient: { reader: 1 },
        byScope: { read: 1 },
        byAudience: { 'https://api.example': 1 },
      },
    })
    const again = await on.run(`revocation lift ${on.plain}`, { tty: true })
    expect(again.status).toBe(0)
    expect(again.out).toContain(`${on.plain} was lifted at ${fromNow(0)}; nothing changed.\n`)
    const asked = await on.run(`revocation lift ${on.plain} -q -y`)
    expect(asked.out).toBe(`${on.plain}\n`)
  })

  it('gives back nothing that another revocation matches', async () => {
    const on = await revoked()
    await on.world.admin.revoke({ selector: { scopes: ['*'] }, reason: 'testing', block: true })
    const ran = await on.run(`revocation lift ${on.plain} -y`)
    expect(ran.out).toContain('no unexpired credential is valid again')
    expect(await on.stateOf(idOf(on, 2))).toBe('revoked')
  })

  it.for([
    ['revocation lift $plain', 2, '[confirmation-required]'],
    ['revocation lift $final -y', 8, '[revocation-final]'],
    ['revocation lift rev_none -y', 3, '[revocation-unknown]'],
    ['revocation lift $plain --confirm all', 2, '[confirmation-required]'],
    ['revocation lift -y', 2, '[input-required]'],
    ['revocation unblock $block', 2, '[confirmation-required]'],
    ['revocation unblock rev_none -y', 3, '[revocation-unknown]'],
  ] as const)('%s → %i', async ([argv, status, code]) => {
    const on = await revoked()
    const line = argv.replace(/\$(\w+)/, (_, name: 'plain' | 'final' | 'block') => on[name])
    const ran = await on.run(line)
    expect(ran.status).toBe(status)
    expect(ran.err).toContain(code)
    expect((await on.world.admin.listRevocations({ state: 'lifted' })).items).toEqual([])
  })

  it('a final one is refused without a question, and a no changes nothing', async () => {
    const on = await revoked()
    expect((await on.run(`revocation lift ${on.final}`, { tty: true })).status).toBe(8)
    const declined = await on.run(`revocation lift ${on.plain}`, {
      tty: true,
      answers: [{ to: 'confirm', answer: false }],
    })
    expect(declined.status).toBe(1)
    expect(await on.stateOf(idOf(on, 2))).toBe('revoked')
  })
})

describe('unblock', () => {
  it('lets new tokens be issued and leaves dead what is dead', async () => {
    const on = await revoked()
    const ran = await on.run(`revocation unblock ${on.block} --justification rebuilt`, {
      tty: true,
      answers: [{ to: 'confirm', about: /what is revoked stays revoked/, answer: true }],
    })
    expect(ran.status).toBe(0)
    expect(ran.out).toContain(`Ended the block of ${on.block}`)
    await on.world.admin.issueTokens({ clientId: 'deploy-bot' })
    expect(await on.stateOf(idOf(on, 0))).toBe('revoked')
    const again = await on.run(`revocation unblock ${on.block} -o json`, { tty: true })
    expect(again.status).toBe(0)
    expect(JSON.parse(again.out)).toEqual({
      revocation: await on.world.admin.showRevocation({ id: on.block }),
      alreadyUnblocked: true,
    })
  })

  it('also of a final one; but a lifted one has no block left', async () => {
    const on = await revoked()
    expect((await on.run(`revocation unblock ${on.final} -y`)).status).toBe(0)
    await on.world.admin.liftRevocation({ id: on.plain })
    const ran = await on.run(`revocation unblock ${on.plain} -y`)
    expect(ran.status).toBe(8)
    expect(ran.err).toContain('[revocation-lifted]')
  })
})
