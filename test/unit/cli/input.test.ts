import { describe, expect, it } from 'vitest'
import { Problem } from '#kernel/problem.ts'
import { type Answer, check, CTRL_C, type Row, runCli } from './harness.ts'
import { sampleTable } from './sample.ts'

const table = sampleTable()
const make = 'thing make a --reason testing'
const input = async (argv: string): Promise<unknown> => {
  const { status, out, err } = await runCli({ table, argv: `${argv} -o json` })
  expect({ status, err }).toEqual({ status: 0, err: '' })
  return (JSON.parse(out) as { input: unknown }).input
}
const defaults = { id: 'a', reason: 'testing', scope: [], tag: {}, count: 1, noCount: false }

describe('flags', () => {
  it.for([
    ['', {}],
    ['--ttl 1h30m', { ttl: 5400 }],
    ['--ttl=90', { ttl: 90 }],
    ['--ttl 1m --ttl 2m', { ttl: 120 }],
    ['--scope a,b --scope c --scope a', { scope: ['a', 'b', 'c'] }],
    ['--tag k=v --tag x=a=b --tag y=', { tag: { k: 'v', x: 'a=b', y: '' } }],
    ['--since 2h', { since: '2026-11-23T17:08:00.000Z' }],
    ['--since now', { since: '2026-11-23T19:08:00.000Z' }],
    ['--since 2026-11-23T20:00:00+02:00', { since: '2026-11-23T18:00:00.000Z' }],
    ['--count 9', { count: 9 }],
    ['--block', { block: true }],
    ['--no-block', { block: false }],
    ['--no-count', { noCount: true }],
  ] as const)('%s', async ([argv, expected]) => {
    expect(await input(`${make} ${argv}`)).toEqual({ ...defaults, ...expected })
  })

  it.for([
    ['--ttl 0', '--ttl: it is zero'],
    ['--ttl -5m', '--ttl: it is negative'],
    ['--ttl soon', '--ttl: `soon` is not a duration such as 90s, 15m, 8h, 7d or 1h30m'],
    ['--reason why', '--reason: `why` is none of testing, other'],
    ['--scope a,,b', '--scope: it holds an empty value'],
    ['--tag k', '--tag: `k` is not KEY=VALUE'],
    ['--tag k=a --tag k=b', '--tag: `k` is given twice'],
    ['--since 2026-11-23', '--since: `2026-11-23` is neither a time'],
    ['--count 10', '--count: `10` is not a whole number from 1 to 9'],
    ['--count 1.5', '--count: `1.5` is not'],
    ['--ttl', '--ttl needs a value'],
    ["--reason ''", '--reason: the value is none of testing, other'],
    ['--resaon testing', 'there is no --resaon; did you mean --reason?'],
    ['-x', 'there is no -x'],
    ['b', 'too many arguments: 2 where at most 1 are taken'],
  ] as const)('%s is refused', async ([argv, expected]) => {
    const { status, out, err } = await runCli({ table, argv: `${make} ${argv}` })
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toContain(`credctl: Usage: ${expected}`)
    expect(err).toContain('[usage-invalid]\n  next: credctl thing make --help\n')
  })

  it.for([
    'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln',
    'eyJhbGciOiJub25lIn0.e30.',
    's3cr3t-'.repeat(8),
  ])('never repeats what may be a secret: %s', async (secret) => {
    for (const argv of [
      [secret],
      ['thing', secret],
      ['thing', 'make', 'a', secret],
      ['thing', 'make', 'a', `--${secret}`],
      ['thing', 'make', 'a', `--tokn=${secret}`],
      ['thing', 'make', 'a', `-p${secret}`],
      ['thing', 'make', 'a', '--ttl', secret],
      ['thing', 'make', 'a', '--reason', secret],
      ['thing', 'make', 'a', '--reason', 'other', '--tag', secret],
      ['thing', 'list', '--fields', secret],
      ['thing', 'list', '-o', secret],
      ['help', secret],
    ]) {
      const { status, out, err } = await runCli({ table, argv })
      expect(status).toBeOneOf([2, 3])
      // A flag that looks like a name is named, as far as a name may go.
      expect((out + err).includes(secret)).toBe(false)
    }
  })
})

describe('missing input', () => {
  it('is named where nobody can be asked', async () => {
    const err =
      'credctl: Input required: ID and --reason are missing [input-required]\n  next: credctl thing make --help\n'
    await check({ table, argv: 'thing make', status: 2, err })
    await check({ table, argv: 'thing make', tty: ['in', 'out'], status: 2, err })
    await check({ table, argv: 'thing make --no-input', tty: true, status: 2, err })
    await check({
      table,
      argv: 'thing make',
      tty: true,
      env: { CREDCTL_NO_INPUT: '1' },
      status: 2,
      err,
    })
  })

  const answers: readonly Answer[] = [
    { to: 'input', about: /Its name \(ID\)/, answer: 'a' },
    { to: 'select', about: /--reason/, answer: 'testing' },
  ]
  it('is asked for on a terminal, also where stdout is a pipe', async () => {
    await check({ table, argv: 'thing make -q', tty: true, answers, status: 0, out: 'a\n' })
    await check({
      table,
      argv: 'thing make -q',
      tty: ['in', 'err'],
      answers,
      status: 0,
      out: 'a\n',
    })
  })

  it('is not asked for before what was given is right', () =>
    check({ table, argv: 'thing make --ttl 0', tty: true, status: 2, err: /it is zero/ }))

  it('is interrupted by Ctrl-C', () =>
    check({
      table,
      argv: 'thing make',
      tty: true,
      answers: [{ to: 'input', answer: CTRL_C }],
      status: 130,
      err: /^credctl: Interrupted: .* \[interrupted\]\n$/,
    }))
})

describe('confirmation', () => {
  const drop = (severity: 'moderate' | 'severe') => {
    let resolved = 0
    return {
      table: sampleTable([], { severity, onResolve: () => (resolved += 1) }),
      resolved: () => resolved,
    }
  }
  const phrase = 'thing:a thing:b'
  const yes: Answer = { to: 'confirm', about: /Drop 2 things\?/, answer: true }

  it.for<Row & { readonly severity: 'moderate' | 'severe'; readonly resolved: number }>([
    {
      severity: 'moderate',
      resolved: 0,
      argv: 'thing drop a b -q',
      status: 2,
      err: /neither --yes nor --confirm \[confirmation-required\]\n  next: add --yes/,
    },
    {
      severity: 'severe',
      resolved: 0,
      argv: 'thing drop a b -q',
      status: 2,
      err: /\[confirmation-required\]/,
    },
    {
      severity: 'severe',
      resolved: 0,
      argv: 'thing drop a b --no-input',
      tty: true,
      status: 2,
      err: /\[confirmation-required\]/,
    },
    {
      severity: 'moderate',
      resolved: 1,
      argv: 'thing drop a b -q --yes',
      status: 0,
      out: 'a\nb\n',
    },
    {
      severity: 'moderate',
      resolved: 1,
      argv: 'thing drop a b -q -y',
      tty: true,
      status: 0,
      out: 'a\nb\n',
    },
    {
      severity: 'moderate',
      resolved: 1,
      argv: 'thing drop a b -q',
      tty: true,
      answers: [yes],
      status: 0,
      out: 'a\nb\n',
    },
    {
      severity: 'moderate',
      resolved: 1,
      argv: 'thing drop a b',
      tty: true,
      answers: [{ ...yes, answer: false }],
      status: 1,
      err: /Declined: nothing was done \[declined\]/,
    },
    {
      severity: 'moderate',
      resolved: 1,
      argv: 'thing drop a b',
      tty: true,
      answers: [{ ...yes, answer: CTRL_C }],
      status: 130,
      err: /\[interrupted\]/,
    },
    {
      severity: 'severe',
      resolved: 1,
      argv: 'thing drop a b --yes',
      status: 2,
      err: /--yes is not enough.*\n  next: add --confirm 'thing:a thing:b'\n/,
    },
    {
      severity: 'severe',
      resolved: 1,
      argv: `thing drop a b -q --confirm '${phrase}'`,
      status: 0,
      out: 'a\nb\n',
    },
    {
      severity: 'severe',
      resolved: 1,
      argv: `thing drop a b -q --yes --confirm '${phrase}'`,
      tty: true,
      status: 0,
      out: 'a\nb\n',
    },
    {
      severity: 'severe',
      resolved: 1,
      argv: 'thing drop a b --confirm all',
      status: 2,
      err: /the phrase does not match/,
    },
    {
      severity: 'moderate',
      resolved: 1,
      argv: 'thing drop a b --yes --confirm all',
      status: 2,
      err: /the phrase does not match/,
    },
    {
      severity: 'severe',
      resolved: 1,
      argv: 'thing drop a b -q',
      tty: true,
      answers: [{ to: 'input', about: /Type thing:a thing:b/, answer: phrase }],
      status: 0,
      out: 'a\nb\n',
      err: 'Drop 2 things?\n',
    },
    {
      severity: 'severe',
      resolved: 1,
      argv: 'thing drop a b --yes -q',
      tty: true,
      answers: [{ to: 'input', answer: phrase }],
      status: 0,
      out: 'a\nb\n',
      err: 'Drop 2 things?\n',
    },
    {
      severity: 'severe',
      resolved: 1,
      argv: 'thing drop a b',
      tty: true,
      answers: [{ to: 'input', answer: 'yes' }],
      status: 2,
      err: /the phrase does not match/,
    },
    {
      severity: 'severe',
      resolved: 1,
      argv: 'thing drop a b',
      tty: true,
      answers: [{ to: 'input', answer: '' }],
      status: 1,
      err: /\[declined\]/,
    },
  ])('$severity: $argv (terminal: $tty) exits $status', async ({ severity, resolved, ...row }) => {
    const scene = drop(severity)
    await check({ table: scene.table, ...row })
    expect(scene.resolved()).toBe(resolved)
  })
})

describe('endings', () => {
  it('says what is partly done after the result', () =>
    check({
      table,
      argv: 'thing drop a gone --yes --fields id',
      status: 6,
      out: 'Dropped 2 things.\n\nID\na\ngone\n',
      err: 'credctl: Partly done: one was gone already [partly-done]\n',
    }))

  it('passes on a child and its words', async () => {
    const run = (argv: string) => runCli({ table, argv, childStatus: 42 })
    for (const argv of [
      'thing exec -- npm test --help -o json',
      'thing exec npm test --help -o json',
    ]) {
      const { status, out, err, children } = await run(argv)
      expect({ status, out, err }).toEqual({ status: 42, out: '', err: '' })
      expect(children).toEqual([
        { command: 'npm', args: ['test', '--help', '-o', 'json'], env: {} },
      ])
    }
    expect((await run('thing exec --help')).out).toContain('credctl thing exec')
    expect((await run('thing exec --name x --help')).out).toContain('credctl thing exec')
  })

  const failure = new Problem('client-unknown', 'no client nobody', {
    next: 'credctl client list',
    facts: { client: 'nobody' },
  })
  failure.requestId = 'req_1'
  const failing = sampleTable([], { failure })
  const document = {
    type: 'urn:credctl:problem:client-unknown',
    title: 'No such client',
    status: 404,
    detail: 'no client nobody',
    instance: 'urn:credctl:request:req_1',
    code: 'client-unknown',
    facts: { client: 'nobody' },
    next: 'credctl client list',
    requestId: 'req_1',
  }
  it.for<Row>([
    {
      argv: 'fail',
      status: 3,
      err: 'credctl: No such client: no client nobody [client-unknown]\n  next: credctl client list\n  request: req_1\n',
    },
    { argv: 'fail -o csv', status: 3, err: /^credctl: No such client/ },
    { argv: 'fail -o json', status: 3, err: `${JSON.stringify(document)}\n` },
    { argv: 'fail -o yaml', status: 3, err: `${JSON.stringify(document)}\n` },
    {
      argv: 'fail',
      env: { CREDCTL_OUTPUT: 'jsonl' },
      status: 3,
      err: `${JSON.stringify(document)}\n`,
    },
    {
      argv: 'fail -ojson --nope',
      status: 2,
      err: /^\{"type":"urn:credctl:problem:usage-invalid".*\}\n$/,
    },
    { argv: 'fail -o=json', status: 3, err: `${JSON.stringify(document)}\n` },
    {
      argv: 'faill --output=json',
      status: 2,
      err: /^\{.*"detail":"there is no command `faill`; did you mean fail\?".*\}\n$/,
    },
    {
      argv: '--sort-by hunter fail -o json --nope secret',
      status: 2,
      err: /"instance":"urn:credctl:command:fail","/,
    },
  ])('$argv fails as asked', (row) => check({ table: failing, ...row }))

  it('shows the cause of a fault to those who ask for it', async () => {
    const broken = sampleTable([], { failure: new TypeError('x is \u001b[2Jnot') })
    const err =
      'credctl: Internal error: an unexpected failure; nothing is known to be changed [internal]\n'
    await check({ table: broken, argv: 'fail', status: 1, err })
    await check({ table: broken, argv: 'fail', env: { CREDCTL_DEBUG: '0' }, status: 1, err })
    const cause = /\[internal\]\nTypeError: x is \\u\{1b\}\[2Jnot\n {4}at /
    await check({ table: broken, argv: 'fail', env: { CREDCTL_DEBUG: '1' }, status: 1, err: cause })
    await check({ table: broken, argv: 'fail --debug', status: 1, err: cause })
  })
})

describe('finding the command', () => {
  it.for<Row>([
    {
      argv: '',
      status: 0,
      out: /Commands:\n {2}thing {2}Make, list and drop things\n {2}fail {3}Fail\n/,
    },
    { argv: '--help', status: 0, out: /^Short-lived/ },
    { argv: 'help', status: 0, out: /^Short-lived/ },
    { argv: 'help thing', status: 0, out: /Verbs:\n {2}list +List things\n/ },
    { argv: 'thing --help', status: 0, out: /^Make, list and drop things\.\n/ },
    {
      argv: 'help thing make',
      status: 0,
      out: /credctl thing make --reason testing\|other \[flags\] ID/,
    },
    { argv: 'thing make --help --nope', status: 0, out: /Makes a thing, and says so\./ },
    { argv: 'thing make -h', status: 0, out: /--\[no-\]block +No more of them/ },
    { argv: 'thing drop --help', status: 0, out: /6 {2}some were dropped already/ },
    { argv: 'thing show --help', status: 0, out: /secret {2}the secret alone/ },
    { argv: 'help selectors', status: 0, out: /--except-token/ },
    { argv: 'help exit-codes', status: 0, out: /\n {2}75 {3}try again/ },
    {
      argv: 'help enviroment',
      status: 3,
      err: /no help on that; did you mean environment\? \[topic-unknown\]/,
    },
    {
      argv: 'thing',
      status: 2,
      err: /thing needs one of list, show, make, drop, watch, exec \[usage-invalid\]\n {2}next: credctl thing --help/,
    },
    { argv: 'thing lst', status: 2, err: /no command `lst` under thing; did you mean list\?/ },
    { argv: 'thin list', status: 2, err: /no command `thin`; did you mean thing\?/ },
    { argv: 'zzz', status: 2, err: /no command `zzz` \[usage-invalid\]\n {2}next: credctl --help/ },
    { argv: '--nope', status: 2, err: /no command \[usage-invalid\]/ },
    { argv: 'thing --data-dir /x list -q', status: 0, out: 'thing_1\nthing_2\nthing_3\n' },
  ])('$argv', (row) => check({ table, ...row }))
})
