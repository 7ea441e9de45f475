import { describe, expect, it } from 'vitest'
import { idOf, stage } from './stage.ts'

const revoke = 'revoke --from ids.txt --reason superseded'

/** So many ids that nobody has, with what is given first, once as it is and once more in the middle. */
const listOf = (count: number, ids: readonly string[] = []): Record<string, string> => {
  const others = Array.from({ length: count - ids.length }, (_, i) => `cred_${i}`)
  return {
    'ids.txt': ['# leaked', ...ids, '', ...others.slice(0, 50), ...ids, ...others.slice(50)].join(
      '\n',
    ),
  }
}

describe('a list of more than 10,000 lines', () => {
  it('is sent in parts, under an id that is told first, and revoked', async () => {
    const on = await stage()
    const { admin } = on.world
    const parts: [number, number][] = []
    const watched = {
      ...admin,
      appendSelection: async (input: Parameters<typeof admin.appendSelection>[0]) => {
        parts.push([input.offset, input.tokens.length])
        return await admin.appendSelection(input)
      },
    }
    const ran = await on.run(`${revoke} -y -o json`, {
      admin: watched,
      files: listOf(20_001, [idOf(on, 0), idOf(on, 2)]),
    })
    expect(parts).toEqual([
      [0, 10_000],
      [10_000, 10_000],
      [20_000, 1],
    ])
    const [first, second] = ran.err.trimEnd().split('\n')
    expect(JSON.parse(first ?? '')).toEqual({
      warning: expect.stringMatching(
        /^selection (sel_\w+): if this is cut short, run the same command with --resume \1$/,
      ),
    })
    expect(ran.status).toBe(6)
    expect(JSON.parse(second ?? '')).toMatchObject({
      code: 'partly-done',
      detail: '19999 of 20001 named values hit nothing live',
    })
    const { revocation, items, itemCounts } = JSON.parse(ran.out) as {
      revocation: { matched: { credentials: number } }
      items: readonly unknown[]
      itemCounts: unknown
    }
    expect(revocation.matched.credentials).toBe(2)
    expect(items).toHaveLength(19_999)
    expect(itemCounts).toEqual({
      revoked: 2,
      'already-revoked': 0,
      'not-found': 19_999,
      spared: 0,
      failed: 0,
    })
    expect(await on.stateOf(idOf(on, 0))).toBe('revoked')
    expect(await on.stateOf(idOf(on, 1))).toBe('active')
    expect(await on.stateOf(idOf(on, 2))).toBe('revoked')
  })

  it('that was cut short goes on where it was', async () => {
    const on = await stage()
    const { admin } = on.world
    const files = listOf(15_000, [idOf(on, 1)])
    let parts = 0
    const cut = {
      ...admin,
      appendSelection: async (input: Parameters<typeof admin.appendSelection>[0]) => {
        parts += 1
        if (parts === 2) throw new Error('the line was cut')
        return await admin.appendSelection(input)
      },
    }
    const first = await on.run(`${revoke} -y`, { admin: cut, files })
    expect(first.status).toBe(1)
    const id = /^selection (sel_\w+):/.exec(first.err)?.[1] ?? ''
    expect((await admin.showSelection({ id })).tokens).toBe(10_000)
    const offsets: number[] = []
    const watched = {
      ...admin,
      appendSelection: async (input: Parameters<typeof admin.appendSelection>[0]) => {
        offsets.push(input.offset)
        return await admin.appendSelection(input)
      },
    }
    const again = await on.run(`${revoke} -y --resume ${id} -q`, { admin: watched, files })
    expect(again.status).toBe(6)
    expect(again.out).toMatch(/^rev_\w+\n$/)
    // Said under -q too.
    expect(again.err).toContain(`selection ${id}: if this is cut short`)
    expect(offsets).toEqual([10_000])
    expect(await on.stateOf(idOf(on, 1))).toBe('revoked')
    // Once more: all of it is there, and done.
    const done = await on.run(`${revoke} -y --resume ${id}`, { files })
    expect(done.status).toBe(6)
    expect(done.out).toMatch(
      /^Nothing was left to revoke: rev_\w+ \(superseded\) did it before\.\n/,
    )
  })

  it.for([
    [
      'revoke --resume sel_1 --client deploy-bot --reason testing -y',
      2,
      /--from does not say which/,
    ],
    [`${revoke} --resume sel_none -y`, 3, /\[selection-unknown\]/],
  ] as const)('%s → %i', async ([argv, status, err]) => {
    const on = await stage()
    const ran = await on.run(argv, { files: listOf(3) })
    expect(ran.status).toBe(status)
    expect(ran.err).toMatch(err)
  })

  it('is not taken for another, shorter one', async () => {
    const on = await stage()
    const { id } = await on.world.admin.createSelection({})
    await on.world.admin.appendSelection({ id, offset: 0, tokens: ['cred_a', 'cred_b'] })
    const ran = await on.run(`${revoke} --resume ${id} -y`, { files: { 'ids.txt': 'cred_a' } })
    expect(ran.status).toBe(2)
    expect(ran.err).toMatch(/holds 2 tokens, and only 1 are named/)
  })

  it('of ten thousand goes in one request', async () => {
    const on = await stage()
    const ran = await on.run(`${revoke} -y`, { files: listOf(10_000, [idOf(on, 0)]) })
    expect(ran.status).toBe(6)
    expect(ran.err).not.toContain('selection')
  })

  it('has at most a million', async () => {
    const on = await stage()
    const ran = await on.run(`${revoke} -y`, { files: listOf(1_000_001) })
    expect(ran.status).toBe(2)
    expect(ran.err).toMatch(/1000001 tokens are named.*at most 1000000/)
  })

  it('is planned as well, and the plan names it by its id', async () => {
    const on = await stage()
    const files = listOf(10_001, [idOf(on, 0)])
    const planned = await on.run('revocation plan --from ids.txt --reason testing -o json', {
      files,
    })
    expect(planned.status).toBe(0)
    expect(JSON.parse(planned.out)).toMatchObject({
      selectionId: expect.stringMatching(/^sel_/),
      selector: { tokens: [], tokenCount: 10_001 },
      matched: { credentials: 1 },
    })
    const applied = await on.run('revocation apply - -y -o json', { stdin: planned.out })
    expect(applied.status).toBe(6)
    expect(JSON.parse(applied.out)).toMatchObject({ revocation: { matched: { credentials: 1 } } })
    expect(await on.stateOf(idOf(on, 0))).toBe('revoked')
  })
})
