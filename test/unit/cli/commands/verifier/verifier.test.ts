import { describe, expect, it } from 'vitest'
import { follow } from '../../follower.ts'
import { type CliWorld, cliWorld, type WorldRow } from '../../world.ts'

const SECRET = /cvk_[0-9a-z]+_[\w-]{43}/

describe('verifier create', () => {
  it('prints { verifier, credential }, and the secret once', async () => {
    const it = await cliWorld()
    const created = (await it.json(
      'verifier create api --audience https://api.example --mode strict',
    )) as { verifier: unknown; credential: string }
    expect(created).toEqual({
      verifier: {
        id: expect.stringMatching(/^ver_/),
        verifierId: expect.stringMatching(/^ver_/),
        name: 'api',
        audiences: ['https://api.example'],
        mode: 'strict',
        keyIds: [],
        state: 'gone',
      },
      credential: expect.stringMatching(SECRET),
    })
    for (const argv of [
      'verifier list -o json',
      'verifier show api -o json',
      'audit list -o json',
    ]) {
      expect((await it.run(argv)).out).not.toContain(created.credential)
    }
  })

  it.for<WorldRow>([
    {
      argv: 'verifier create api',
      status: 0,
      out: /^Created verifier api\.\n\nName +api\nMode +standard\n.*shown this once.*\n\ncvk_\w+_[\w-]{43}\n\n$/s,
      err: /^next: createVerifier/,
    },
    {
      argv: 'verifier create api -q',
      status: 0,
      out: /^ver_\w+\n$/,
      err: /was not printed, and it is not kept.*credctl verifier remove api/,
    },
    {
      argv: 'verifier create api -o name',
      status: 0,
      out: /^verifier\/ver_\w+\n$/,
      err: /not kept/,
    },
    {
      argv: 'verifier create api --fields verifier.id -o json',
      status: 0,
      out: /^\{/,
      err: /not kept/,
    },
    {
      argv: 'verifier create api --fields credential -o csv',
      status: 0,
      out: /\ncvk_/,
      err: /next/,
    },
    { argv: 'verifier create api -o yaml', status: 0, out: /credential: cvk_/ },
    { argv: 'verifier create', status: 2, err: /NAME is missing/ },
    { argv: 'verifier create "a b"', status: 2, err: /\[request-invalid\]/ },
    { argv: 'verifier create api --mode lax', status: 2, err: /--mode/ },
  ])('$argv → $status', async (row) => (await cliWorld()).check(row))

  it('of a name that is taken is exit 8', async () => {
    const it = await cliWorld()
    await it.run('verifier create api')
    const again = await it.run('verifier create api')
    expect(again).toMatchObject({ status: 8, out: '' })
    expect(again.err).toContain('[verifier-exists]')
  })
})

async function board(): Promise<CliWorld> {
  const it = await cliWorld()
  const { world } = it
  const api = await follow(world, { name: 'api-1', audiences: ['https://api.example'] })
  await api.acknowledge()
  await follow(world, { name: 'web', audiences: ['https://web.example'], mode: 'strict' })
  await it.run('verifier create spare')
  return it
}

describe('verifier list', () => {
  it('is the staleness board', async () => {
    const it = await board()
    it.world.clock.advance(15_000)
    const { out, err } = await it.run('verifier list')
    expect(err).toBe('')
    expect(out).toMatch(/^NAME +STATE +MODE +HEAD AGE +LAG +APPLIED +AUDIENCES +SEEN\n/)
    expect(out).toMatch(
      /\napi-1 +\w+ +standard +15 s +\d+ ms +\d+ +https:\/\/api\.example +1\ds ago\n/,
    )
    expect(out).toMatch(/\nweb +degraded +strict /)
    expect(out).toMatch(/\nspare +gone +standard +- +- +- +- +-\n/)
    const wide = await it.run('verifier list -o wide')
    expect(wide.out).toMatch(/ID +CREDENTIAL +LEASE ENDS/)
    const json = (await it.json('verifier list --name api-1')) as { items: { headAgeMs: number }[] }
    expect(json.items[0]?.headAgeMs).toBe(15_015)
  })

  it.for<[string, readonly string[]]>([
    ['', ['api-1', 'spare', 'web']],
    ['--name web', ['web']],
    ['--audience https://api.example', ['api-1']],
    ['--state gone', ['spare']],
    ['--state stale', []],
    ['--limit 1', ['api-1', 'spare', 'web']],
  ])('%s', async ([flags, names]) => {
    const it = await board()
    const { status, out } = await it.run(`verifier list ${flags} -o jsonl --fields name`)
    expect(status).toBe(0)
    const found = out.split('\n').filter(Boolean)
    expect(found.map((line) => (JSON.parse(line) as { name: string }).name).sort()).toEqual(names)
  })

  it('comes in pages as JSON, and of nothing says what to do', async () => {
    const it = await board()
    const page = (await it.json('verifier list --limit 2')) as {
      items: unknown[]
      nextCursor: string
    }
    expect(page.items).toHaveLength(2)
    const rest = (await it.json(`verifier list --limit 2 --cursor ${page.nextCursor}`)) as {
      items: unknown[]
      nextCursor: null
    }
    expect([rest.items.length, rest.nextCursor]).toEqual([1, null])
    const none = await cliWorld()
    await none.check({
      argv: 'verifier list',
      status: 0,
      err: 'No verifier follows the feed. Make a credential for one: credctl verifier create NAME\n',
    })
    await none.check({
      argv: 'verifier list --state fresh',
      status: 0,
      err: 'There are no such verifiers.\n',
    })
    await none.check({ argv: 'verifier list --state odd', status: 2, err: /--state/ })
  })
})

describe('verifier show', () => {
  it('finds one by its name or id', async () => {
    const it = await board()
    const shown = (await it.json('verifier show api-1')) as { id: string; name: string }
    expect(shown.name).toBe('api-1')
    expect(await it.json(`verifier show ${shown.id}`)).toEqual(shown)
    await it.check({ argv: 'verifier show nobody', status: 3, err: /\[verifier-unknown\]/ })
    await it.check({ argv: 'verifier show api-1', status: 0, out: /^Name +api-1\nState +/ })
  })
})

describe('verifier remove', () => {
  it('asks, and says that nothing used it', async () => {
    const it = await board()
    await it.check({
      argv: 'verifier remove spare',
      tty: true,
      answers: [{ to: 'confirm', about: /stops deciding within its limit/, answer: true }],
      status: 0,
      out: /^Removed spare\. Nothing was using it\.\n/,
    })
    expect(await it.json('verifier list --name spare')).toMatchObject({ items: [] })
  })

  it.for<WorldRow>([
    { argv: 'verifier remove spare', status: 2, err: /\[confirmation-required\]/ },
    { argv: 'verifier remove nobody -y', status: 3, err: /\[verifier-unknown\]/ },
    { argv: 'verifier remove web -y', status: 3, err: /\[verifier-unknown\]/ },
    { argv: 'verifier remove spare -y -q', status: 0, out: /^ver_\w+\n$/ },
    {
      argv: 'verifier remove spare',
      tty: true,
      answers: [{ to: 'confirm', answer: false }],
      status: 1,
      err: /\[declined\]/,
    },
  ])('$argv → $status', async (row) => (await board()).check(row))

  it('says until when what used it may still decide', async () => {
    const it = await cliWorld()
    const { admin } = it.world
    const until = '2026-11-23T19:08:42.000Z'
    const used = {
      ...admin,
      removeVerifier: async (input: { id: string }) => ({
        ...(await admin.removeVerifier(input)),
        leasesEndAt: until,
      }),
    }
    await it.run('verifier create api')
    const ran = await it.run('verifier remove api -y', { admin: used })
    expect(ran.status).toBe(0)
    expect(ran.out).toContain(
      `Removed api. What used it decides nothing any more from ${until} on.\n`,
    )
    expect(ran.out).toMatch(/\nLeases end +.*2026-11-23T19:08:42Z/)
  })
})
