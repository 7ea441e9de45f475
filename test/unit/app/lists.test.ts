import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import { cliWorld } from '../cli/world.ts'
import { createWorld, refusalOf, type TestWorld } from '../world.ts'

type Row = { readonly id: string }
interface List {
  readonly page: (world: TestWorld, request: PageRequest) => Promise<Page<Row>>
  /** Makes one more row that the list will hold. */
  readonly add: (world: TestWorld, n: number) => Promise<unknown>
}

const lists: Readonly<Record<string, List>> = {
  client: {
    page: ({ admin }, request) => admin.listClients(request),
    // Anywhere in the order, and not at its end alone.
    add: ({ admin }, n) =>
      admin.createClient({ id: `${(n * 7919) % 1000}-${n}`, scopes: ['read'] }),
  },
  token: {
    page: ({ admin }, request) => admin.listCredentials(request),
    add: ({ admin }, n) => admin.issueTokens({ clientId: 'a', count: 1 + (n % 3) }),
  },
  key: {
    page: ({ admin }, request) => admin.listKeys(request),
    add: ({ admin }) => admin.rotateKey({}),
  },
  revocation: {
    page: ({ admin }, request) => admin.listRevocations(request),
    async add({ admin }) {
      await admin.issueTokens({ clientId: 'a' })
      await admin.revoke({ selector: { clients: ['a'] }, reason: 'testing' })
    },
  },
  audit: {
    page: ({ admin }, request) => admin.listAudit(request),
    add: ({ admin }) => admin.updateClient({ id: 'a', tier: 'low' }),
  },
}
const named = Object.entries(lists)

async function withClient(): Promise<TestWorld> {
  const world = await createWorld()
  await world.admin.createClient({ id: 'a', scopes: ['read', 'write'] })
  return world
}

async function all({ page }: List, world: TestWorld): Promise<string[]> {
  const { items, nextCursor } = await page(world, { limit: 10_000 })
  expect(nextCursor).toBeNull()
  return items.map(({ id }) => id)
}

describe.for(named)('the list of %ss', ([, list]) => {
  it('gives each row once, in one order, in pages of any size, whatever is added meanwhile', async () => {
    const steps = fc.array(
      fc.record({ limit: fc.integer({ min: 1, max: 5 }), added: fc.integer({ min: 0, max: 3 }) }),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 9 }), steps, async (begin, plan) => {
        const world = await withClient()
        let n = 0
        for (let i = 0; i < begin; i++) await list.add(world, (n += 1))
        const before = await all(list, world)
        const seen: string[] = []
        let cursor: string | null | undefined
        for (let i = 0; cursor !== null; i++) {
          const { limit = 5, added = 0 } = plan[i] ?? {}
          const page = await list.page(world, cursor === undefined ? { limit } : { limit, cursor })
          expect(page.items.length).toBeLessThanOrEqual(limit)
          seen.push(...page.items.map(({ id }) => id))
          cursor = page.nextCursor
          for (let more = 0; more < added; more++) await list.add(world, (n += 1))
        }
        expect(new Set(seen).size).toBe(seen.length)
        expect(before.filter((id) => !seen.includes(id))).toEqual([])
        const after = await all(list, world)
        expect(seen).toEqual(after.filter((id) => seen.includes(id)))
      }),
      { numRuns: 12 },
    )
  })

  it('refuses a cursor that it did not give out', async () => {
    const world = await withClient()
    const cursor = (text: string): string => encodeBase64url(new TextEncoder().encode(text))
    const wrong = [
      'x',
      '!!',
      'AAAA',
      '====',
      cursor('credential'),
      cursor('credential:'),
      cursor('nothing:1'),
      cursor('audit:-1'),
      cursor('audit:1.5'),
      cursor('audit:1e3'),
      cursor("revocation:1' OR 1"),
      encodeBase64url(Uint8Array.of(0xff, 0xfe)),
      'a'.repeat(513),
    ]
    for (const one of wrong) {
      const problem = await refusalOf(list.page(world, { limit: 5, cursor: one }))
      expect(problem.code, one).toBe('request-invalid')
    }
    // Nor does one list go on where another stopped.
    for (const [, other] of named.filter(([, it]) => it !== list)) {
      for (let n = 1; n <= 2; n++) await other.add(world, n)
      const { nextCursor } = await other.page(world, { limit: 1 })
      const problem = await refusalOf(list.page(world, { limit: 1, cursor: nextCursor ?? '' }))
      expect(problem.code).toBe('request-invalid')
    }
  })

  it.for([0, -1, 1.5, 10_001, Number.NaN])('has no page of %d', async (limit) => {
    const world = await withClient()
    expect((await refusalOf(list.page(world, { limit }))).code).toBe('request-invalid')
  })
})

it.for(named)('credctl %s list: a malformed cursor is exit 2', async ([noun]) => {
  const { check } = await cliWorld()
  for (const output of ['json', 'jsonl', 'table', 'csv', 'name']) {
    await check({
      argv: `${noun} list --cursor nonsense -o ${output}`,
      status: 2,
      out: /^(?:|[\w.,]+\n)$/,
      err: /request-invalid/,
    })
  }
})

describe('filters', () => {
  /** Tokens that differ in everything that a list can be filtered by. */
  async function varied() {
    const { world, json } = await cliWorld()
    const { admin, clock } = world
    for (const id of ['a', 'b']) await admin.createClient({ id, scopes: ['read', 'deploy:*'] })
    for (let i = 0; i < 24; i++) {
      await admin.issueTokens({
        clientId: i % 2 === 0 ? 'a' : 'b',
        subject: `s${i % 3}`,
        scopes: i % 4 < 2 ? ['read'] : ['deploy:prod'],
        ttlSeconds: i % 5 === 0 ? 60 : 600,
        tags: { run: String(i % 3) },
      })
      clock.advance(10_000)
      if (i === 11) await admin.revoke({ selector: { subjects: ['s1'] }, reason: 'testing' })
      if (i === 15) await admin.rotateKey({})
    }
    return { admin, json, keys: (await admin.listKeys({ purpose: 'token' })).items }
  }

  it('all have to hold: a list by several is the meeting of the lists by each', async () => {
    const { admin, keys } = await varied()
    const dimensions = {
      clientId: fc.constantFrom('a', 'b'),
      subject: fc.constantFrom('s0', 's1', 's2', 's9'),
      scope: fc.constantFrom('read', 'deploy:prod', 'deploy:*', '*'),
      state: fc.constantFrom('active', 'revoked', 'expired', 'suspended'),
      keyId: fc.constantFrom(...keys.map(({ id }) => id)),
      tag: fc.constantFrom('run=0', 'run=2'),
      issuedAfter: fc.constantFrom('2026-11-23T19:09:00Z', '2026-11-23T19:11:00Z'),
      issuedBefore: fc.constantFrom('2026-11-23T19:10:00Z', '2026-11-23T19:12:00Z'),
      expiresBefore: fc.constantFrom('2026-11-23T19:12:00Z', '2026-11-23T19:20:00Z'),
    }
    type Filter = NonNullable<Parameters<typeof admin.listCredentials>[0]>
    const ids = async (filter: Filter): Promise<string[]> =>
      (await admin.listCredentials({ ...filter, limit: 1000 })).items.map(({ id }) => id)
    const everything = await ids({})
    await fc.assert(
      fc.asyncProperty(fc.record(dimensions, { requiredKeys: [] }), async (given) => {
        const filter = given as Filter
        let meeting = everything
        for (const [name, value] of Object.entries(given)) {
          const alone = new Set(await ids({ [name]: value } as Filter))
          meeting = meeting.filter((id) => alone.has(id))
        }
        expect(await ids(filter)).toEqual(meeting)
      }),
      { numRuns: 60 },
    )
  })

  it('compose with pages, sorting and formats on the command line', async () => {
    const { json, admin } = await varied()
    const argv = 'token list --client a --scope deploy:* --tag run=0'
    const { items } = await admin.listCredentials({
      clientId: 'a',
      scope: 'deploy:*',
      tag: 'run=0',
    })
    expect(items.length).toBeGreaterThan(1)
    type Printed = { items: { id: string; expiresAt: string }[]; nextCursor: string | null }
    const pages: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Printed = (await json(
        `${argv} --limit 1${cursor === '' ? '' : ` --cursor ${cursor}`}`,
      )) as Printed
      pages.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
    }
    expect(pages).toEqual(items.map(({ id }) => id))
    for (const key of ['id', 'issuedAt', 'expiresAt'] as const) {
      const sorted = (await json(`${argv} --sort-by ${key}:desc`)) as Printed
      const values = sorted.items.map((item) => String(item[key as 'id']))
      expect(values).toEqual(values.toSorted().toReversed())
    }
  })
})
