import { describe, expect, it } from 'vitest'
import { check, fromNow, type Row, runCli } from './harness.ts'
import { sampleTable, thing } from './sample.ts'

const things = [thing(1), thing(2), thing(3)]
const table = sampleTable(things)
const json = (value: unknown): string => `${JSON.stringify(value)}\n`

describe('formats', () => {
  it.for<Row>([
    {
      argv: 'thing list',
      status: 0,
      out: [
        'ID       OWNER    SCOPES            EXPIRES  SIZE  STATE',
        'thing_1  owner-1  deploy:prod,read  in 9m      10  active',
        'thing_2  owner-2  deploy:prod,read  in 18m     20  revoked',
        'thing_3  owner-3  deploy:prod,read  in 27m     30  suspended',
        '',
      ].join('\n'),
    },
    {
      argv: 'thing list -o wide --fields id,expiresAt,tags',
      status: 0,
      out: [
        'ID       EXPIRES               TAGS',
        'thing_1  2026-11-23T19:17:00Z  team=t1',
        'thing_2  2026-11-23T19:26:00Z  team=t2',
        'thing_3  2026-11-23T19:35:00Z  team=t3',
        '',
      ].join('\n'),
    },
    { argv: 'thing list -o json', status: 0, out: json({ items: things, nextCursor: null }) },
    {
      argv: 'thing list -o json --limit 2',
      status: 0,
      out: json({ items: things.slice(0, 2), nextCursor: '2' }),
    },
    {
      argv: 'thing list -o json --limit 2 --cursor 2',
      status: 0,
      out: json({ items: things.slice(2), nextCursor: null }),
    },
    { argv: 'thing list -o jsonl --limit 1', status: 0, out: things.map(json).join('') },
    {
      argv: 'thing list -o name --limit 1',
      status: 0,
      out: 'thing/thing_1\nthing/thing_2\nthing/thing_3\n',
    },
    { argv: 'thing list -q', status: 0, out: 'thing_1\nthing_2\nthing_3\n' },
    { argv: 'thing list -q -o json', status: 0, out: 'thing_1\nthing_2\nthing_3\n' },
    {
      argv: 'thing list -o csv --limit 2 --fields id,owner.name,size',
      status: 0,
      out: 'id,owner.name,size\nthing_1,owner-1,10\nthing_2,owner-2,20\nthing_3,owner-3,30\n',
    },
    {
      argv: 'thing list -o csv --no-headers',
      status: 0,
      out: /^thing_1,owner-1,"deploy:prod,read",2026-11-23T19:17:00\.000Z,10,active,team=t1,\n/,
    },
    {
      argv: 'thing list -o yaml --fields id --limit 1',
      status: 0,
      out: 'items:\n  - id: thing_1\nnextCursor: "1"\n',
    },
    { argv: 'thing list --fields id --no-headers', status: 0, out: 'thing_1\nthing_2\nthing_3\n' },
    {
      argv: 'thing list --fields size,id --sort-by size:desc --no-headers --limit 1',
      status: 0,
      out: '30  thing_3\n20  thing_2\n10  thing_1\n',
    },
    {
      argv: 'thing list -o json --fields owner.name --limit 1',
      status: 0,
      out: json({ items: [{ owner: { name: 'owner-1' } }], nextCursor: '1' }),
    },
    {
      argv: 'thing list -o jsonl --fields tags.team',
      status: 0,
      out:
        json({ tags: { team: 't1' } }) +
        json({ tags: { team: 't2' } }) +
        json({ tags: { team: 't3' } }),
    },
    { argv: 'thing list', env: { CREDCTL_OUTPUT: 'name' }, status: 0, out: /^thing\/thing_1\n/ },
    {
      argv: 'thing list -o json --fields id',
      env: { CREDCTL_OUTPUT: 'name' },
      status: 0,
      out: /^\{"items"/,
    },
    { argv: '-o json thing --fields id list', status: 0, out: /^\{"items":\[\{"id":"thing_1"\}/ },
    { argv: '--output=jsonl thing list --fields id', status: 0, out: /^\{"id":"thing_1"\}\n/ },
  ])('$argv', (row) => check({ table, ...row }))

  it.for<Row>([
    {
      argv: 'thing show thing_2',
      status: 0,
      out: [
        'Id       thing_2',
        'Owner    owner-2',
        'Scopes   deploy:prod,read',
        'Expires  in 18m (2026-11-23T19:26:00Z)',
        'Size     20',
        'State    revoked',
        '',
      ].join('\n'),
    },
    { argv: 'thing show thing_2 --fields state --no-headers', status: 0, out: 'revoked\n' },
    {
      argv: 'thing show thing_2 -o wide --fields expiresAt,tags.team',
      status: 0,
      out: 'Expires  2026-11-23T19:26:00Z\nTeam     t2\n',
    },
    { argv: 'thing show thing_2 -o json', status: 0, out: json(things[1]) },
    {
      argv: 'thing show thing_2 -o json --fields note,id',
      status: 0,
      out: json({ id: 'thing_2' }),
    },
    { argv: 'thing show thing_2 -o jsonl', status: 0, out: json(things[1]) },
    { argv: 'thing show thing_2 -o name', status: 0, out: 'thing/thing_2\n' },
    { argv: 'thing show thing_2 -q', status: 0, out: 'thing_2\n' },
    {
      argv: 'thing show thing_2 -o csv --fields id,scopes',
      status: 0,
      out: 'id,scopes\nthing_2,"deploy:prod,read"\n',
    },
    { argv: 'thing show thing_2 -o secret', status: 0, out: 's3cret\n' },
    {
      argv: 'thing list -o secret',
      status: 2,
      err: /no such output format; there are table, wide, json, jsonl, yaml, csv, name \[usage-invalid\]/,
    },
  ])('$argv', (row) => check({ table, ...row }))

  it('indents JSON on a terminal', () =>
    check({
      table,
      argv: 'thing show thing_2 -o json --fields id',
      tty: true,
      status: 0,
      out: '{\n  "id": "thing_2"\n}\n',
    }))

  it('prints a stream as it comes, a line of JSON for each under json too', async () => {
    const err = 'warning: the glass is dirty\npress Ctrl-C to stop\n'
    await check({
      table,
      argv: 'thing watch --fields id',
      status: 0,
      out: 'ID\nthing_1\nthing_2\nthing_3\n',
      err,
    })
    const warning = json({ warning: 'the glass is dirty' })
    await check({
      table,
      argv: 'thing watch -o json',
      tty: true,
      status: 0,
      out: things.map(json).join(''),
      err: warning,
    })
    await check({
      table,
      argv: 'thing watch -o yaml --fields id',
      status: 0,
      out: '---\nid: thing_1\n---\nid: thing_2\n---\nid: thing_3\n',
      err: warning,
    })
    await check({
      table,
      argv: 'thing watch -q',
      status: 0,
      out: 'thing_1\nthing_2\nthing_3\n',
      err: 'warning: the glass is dirty\n',
    })
  })

  it.for<Row>([
    { argv: 'thing list', status: 0, err: 'No things. Make one: credctl thing make ID\n' },
    { argv: 'thing list -o json', status: 0, out: json({ items: [], nextCursor: null }) },
    { argv: 'thing list -o csv --fields id', status: 0, out: 'id\n' },
    { argv: 'thing list -o jsonl', status: 0 },
    { argv: 'thing list -q', status: 0 },
  ])('an empty list: $argv', (row) => check({ table: sampleTable([]), ...row }))

  it.for<Row>([
    {
      argv: 'thing list --fields owner.nam',
      status: 2,
      err: /--fields: `owner\.nam` is no field; there are id, owner\.name, scopes/,
    },
    { argv: 'thing list --sort-by colour', status: 2, err: /--sort-by: `colour` is no field/ },
    { argv: 'thing list --sort-by size:up', status: 2, err: /`:desc` for the reverse/ },
    {
      argv: 'thing list --limit 0',
      status: 2,
      err: /--limit: `0` is not a whole number from 1 to 10000/,
    },
    { argv: 'thing show thing_1 --limit 1', status: 2, err: /there is no --limit/ },
  ])('refused: $argv', (row) => check({ table, ...row }))

  it('refuses a wrong field before it does anything', async () => {
    let resolved = 0
    const drop = sampleTable([], { onResolve: () => (resolved += 1) })
    await check({
      table: drop,
      argv: 'thing drop a --yes --fields nope',
      status: 2,
      err: /`nope` is no field/,
    })
    await check({
      table: drop,
      argv: 'thing drop a --yes -o nope',
      status: 2,
      err: /no such output format/,
    })
    expect(resolved).toBe(0)
  })
})

describe('a reader that has gone', () => {
  it.for([
    'thing list --limit 1',
    'thing list -o jsonl --limit 1',
    'thing list -o csv',
    'thing show thing_1 -o json',
    'help',
  ])('%s ends quietly', async (argv) => {
    const { status, err } = await runCli({ table, argv, writesMax: 0 })
    expect({ status, err }).toEqual({ status: 0, err: '' })
  })
})

describe('hostile values', () => {
  const hostile = [
    thing(1, {
      id: 'a\u001b[31mred\u0007',
      owner: { name: '=HYPERLINK("http://x")' },
      state: 'active\u202edetca',
      note: 'two\nlines\u009b0m',
    }),
  ]
  const evil = sampleTable(hostile)

  it('are shown, not obeyed', () =>
    check({
      table: evil,
      argv: 'thing list --fields id,state,note --no-headers',
      status: 0,
      out: String.raw`a\u{1b}[31mred\u{7}  active\u{202e}detca  two\nlines\u{9b}0m` + '\n',
    }))

  it('do not run in a spreadsheet', () =>
    check({
      table: evil,
      argv: 'thing list -o csv --fields owner.name,note,size',
      status: 0,
      out: `owner.name,note,size\n"'=HYPERLINK(""http://x"")","two\nlines\\u{9b}0m",10\n`,
    }))

  it('stay as they are in JSON', async () => {
    const { out } = await runCli({ table: evil, argv: 'thing list -o json' })
    expect(JSON.parse(out)).toEqual({ items: hostile, nextCursor: null })
    expect(out).not.toMatch(/(?!\n)\p{Cc}(?<!\u009b)/u)
  })
})

describe('on a terminal', () => {
  const long = [thing(1, { owner: { name: 'o'.repeat(60) }, scopes: ['s'.repeat(40)] })]

  it('is cut to its width, ids last', async () => {
    const { out } = await runCli({
      table: sampleTable(long),
      argv: 'thing list',
      tty: true,
      columns: 60,
    })
    const lines = out.trimEnd().split('\n')
    expect(lines.map((line) => line.length).every((length) => length <= 60)).toBe(true)
    expect(lines[1]).toMatch(/^thing_1  o+…  s+…  in 9m/)
  })

  it('is not cut in a pipe', async () => {
    const { out } = await runCli({ table: sampleTable(long), argv: 'thing list', columns: 60 })
    expect(out).toContain('o'.repeat(60))
  })

  it.for([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ TERM: 'dumb' }, true, false],
  ] as const)('colour with %o on a terminal (%s): %s', async ([env, tty, expected]) => {
    const run = (argv: string) => runCli({ table, argv, tty, env: { NO_COLOR: '', ...env } })
    const colored = '\u001b[32mactive\u001b[39m'
    expect((await run('thing list')).out.includes(colored)).toBe(expected)
    expect((await run('thing list --no-color')).out).not.toContain('\u001b')
    expect((await run('thing show thing_1 -o json')).out).not.toContain('\u001b')
  })
})

describe('many pages', () => {
  it('are followed without holding them', async () => {
    const many = Array.from({ length: 2500 }, (_, index) => thing(index + 1))
    const { out } = await runCli({
      table: sampleTable(many),
      argv: 'thing list --limit 100 --fields id,expiresAt',
    })
    expect(out.trimEnd().split('\n')).toHaveLength(2501)
    expect(out.trimEnd().split('\n').at(-1)).toBe(`thing_2500  in 16d`)
    expect(fromNow(0)).toBe('2026-11-23T19:08:00.000Z')
  })
})
