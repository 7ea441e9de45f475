import { type CommandTable, defineCommand } from '#cli/command.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import {
  duration,
  integer,
  keyValue,
  many,
  oneOf,
  onOff,
  rest,
  text,
  time,
  toggle,
} from '#cli/flags.ts'
import { batch, list, record, shape, stream } from '#cli/view.ts'
import { formatInstant } from '#kernel/instant.ts'
import { Problem } from '#kernel/problem.ts'
import { fromNow } from './harness.ts'

/** Commands over made-up things: every form of flag, view and ending that there is. */
export interface Thing {
  readonly id: string
  readonly owner: { readonly name: string }
  readonly scopes: readonly string[]
  readonly expiresAt: string
  readonly size: number
  readonly state: string
  readonly tags: Readonly<Record<string, string>>
  readonly note?: string
}

export const thingShape = shape<Thing>({
  kind: 'thing',
  id: ({ id }) => id,
  columns: [
    { key: 'id', keep: true },
    { key: 'owner.name', title: 'owner' },
    { key: 'scopes' },
    { key: 'expiresAt', kind: 'time' },
    { key: 'size', kind: 'number' },
    { key: 'state', kind: 'state' },
    { key: 'tags', kind: 'map', from: 'wide' },
    { key: 'note', from: 'fields' },
  ],
})

export const thing = (number: number, changes: Partial<Thing> = {}): Thing => ({
  id: `thing_${number}`,
  owner: { name: `owner-${number}` },
  scopes: ['deploy:prod', 'read'],
  expiresAt: fromNow(540 * number),
  size: number * 10,
  state: ['active', 'revoked', 'suspended', 'constructor'][(number - 1) % 4] ?? '',
  tags: { team: `t${number}` },
  ...changes,
})

/** Pages of a made-up list: the cursor is the index of the next thing. */
export const pagesOf =
  (things: readonly Thing[]) =>
  async ({ limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined }) => {
    const from = Number(cursor ?? 0)
    const items = things.slice(from, from + limit)
    return { items, nextCursor: from + limit < things.length ? String(from + limit) : null }
  }

const thingList = (things: readonly Thing[]) =>
  defineCommand({
    path: ['thing', 'list'],
    summary: 'List things',
    args: {},
    flags: {},
    isPaged: true,
    examples: [{ run: 'credctl thing list', about: 'All things' }],
    output: [thingShape],
    run: async () => ({
      view: list(thingShape, pagesOf(things), {
        empty: 'No things. Make one: credctl thing make ID',
      }),
    }),
  })

const thingShow = (things: readonly Thing[]) =>
  defineCommand({
    path: ['thing', 'show'],
    summary: 'Show a thing',
    args: { id: text('The thing', { required: true }) },
    flags: {},
    examples: [{ run: 'credctl thing show thing_1', about: 'One thing' }],
    output: [thingShape],
    formats: { secret: 'the secret alone' },
    async run(_kit, { id }) {
      const found = things.find((one) => one.id === id) ?? thing(1, { id })
      return { view: record(thingShape, found, { texts: { secret: () => 's3cret' } }) }
    },
  })

interface Echo {
  readonly id: string
  readonly input: unknown
}
const echoShape = shape<Echo>({
  kind: 'echo',
  id: ({ id }) => id,
  columns: [{ key: 'id' }, { key: 'input', kind: 'map' }],
})

const thingMake = defineCommand({
  path: ['thing', 'make'],
  summary: 'Make a thing',
  description: ['Makes a thing, and says so.'],
  args: { id: text('Its name', { required: true }) },
  flags: {
    ttl: duration('How long it lives'),
    reason: oneOf(['testing', 'other'], 'Why', { required: true }),
    scope: many('What it may do', { placeholder: 'SCOPE' }),
    tag: keyValue('A mark'),
    since: time('From when on'),
    count: integer('How many', { initial: 1, min: 1, max: 9 }),
    block: onOff('No more of them'),
    noCount: toggle('Do not count'),
    pin: text('A secret', { secret: true }),
  },
  examples: [{ run: 'credctl thing make a --reason testing', about: 'Make a' }],
  output: [echoShape],
  async run(_kit, input) {
    const { since } = input
    return {
      view: record(echoShape, {
        id: input.id,
        input: { ...input, ...(since === undefined ? {} : { since: formatInstant(since) }) },
      }),
    }
  },
})

const thingDrop = (severity: 'moderate' | 'severe', onResolve: () => void) =>
  defineCommand({
    path: ['thing', 'drop'],
    summary: 'Drop things',
    args: { ids: rest('The things', { required: true }) },
    flags: { ...confirmationFlags },
    examples: [{ run: 'credctl thing drop a b', about: 'Drop two' }],
    output: [thingShape],
    exits: { 6: 'some were dropped already' },
    async run(kit, { ids, yes, confirm: phrase }) {
      mustBeConfirmable(kit, { yes, confirm: phrase })
      onResolve()
      await confirm(kit, {
        severity,
        question: `Drop ${ids.length} things?`,
        phrase: `thing:${ids.toSorted().join(' thing:')}`,
        yes,
        confirm: phrase,
      })
      const rows = ids.map((id, index) => thing(index + 1, { id }))
      const view = batch(thingShape, rows, { headline: [`Dropped ${ids.length} things.`] })
      if (!ids.includes('gone')) return { view }
      return { view, problem: new Problem('partly-done', 'one was gone already') }
    },
  })

const thingWatch = (things: readonly Thing[]) =>
  defineCommand({
    path: ['thing', 'watch'],
    summary: 'Watch things',
    args: {},
    flags: {},
    examples: [{ run: 'credctl thing watch', about: 'Watch' }],
    output: [thingShape],
    async run(kit) {
      kit.warn('the glass is dirty')
      kit.hint('press Ctrl-C to stop')
      async function* rows() {
        yield* things
      }
      return { view: stream(thingShape, rows()) }
    },
  })

const thingExec = defineCommand({
  path: ['thing', 'exec'],
  summary: 'Run a command with a thing',
  args: { command: rest('The command', { required: true, complete: 'command' }) },
  flags: { name: text('Its name', { complete: 'client' }) },
  isPassThrough: true,
  examples: [{ run: 'credctl thing exec -- true', about: 'Run' }],
  output: [],
  async run(kit, { command: [command = '', ...args] }) {
    return { status: await kit.children.run({ command, args, env: {} }) }
  },
})

const failing = (failure: unknown) =>
  defineCommand({
    path: ['fail'],
    summary: 'Fail',
    args: {},
    flags: {},
    examples: [{ run: 'credctl fail', about: 'Fail' }],
    output: [],
    async run() {
      throw failure
    },
  })

export const sampleTable = (
  things: readonly Thing[] = [thing(1), thing(2), thing(3)],
  {
    severity = 'moderate',
    onResolve = () => undefined,
    failure,
  }: {
    readonly severity?: 'moderate' | 'severe'
    readonly onResolve?: () => void
    readonly failure?: unknown
  } = {},
): CommandTable => {
  const commands = [
    thingList(things),
    thingShow(things),
    thingMake,
    thingDrop(severity, onResolve),
    thingWatch(things),
    thingExec,
    failing(failure),
  ]
  return {
    nouns: { thing: 'Make, list and drop things' },
    rows: commands.map((command) => ({
      path: command.path,
      summary: command.summary,
      load: async () => command,
    })),
  }
}
