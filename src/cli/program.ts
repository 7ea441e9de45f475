import { type Problem, refuse, rowOf, toProblem } from '#kernel/problem.ts'
import type { AnyCommand, CommandTable } from './command.ts'
import type { Flags } from './flags.ts'
import { gather, readFlags } from './gather.ts'
import { type Kit, OutputClosed, type World } from './kit.ts'
import { below, type Located, locate } from './locate.ts'
import { kitOf } from './make-kit.ts'
import { errorFormat, showProblem } from './render/failure.ts'
import { styleOf, takesColor } from './render/style.ts'
import { checkSettings, globalFlags, isOn, pageFlags, settingsOf } from './settings.ts'

/** Runs one command line over a table of commands. The last `catch` there is: whatever comes ends here. */
export async function runProgram(
  argv: readonly string[],
  world: World,
  table: CommandTable,
): Promise<number> {
  try {
    return await run(argv, world, table)
  } catch (thrown) {
    if (thrown instanceof OutputClosed) return 0
    const problem = toProblem(thrown)
    await complain({ argv, world, table }, problem)
    return rowOf(problem.code).exit
  }
}

async function run(argv: readonly string[], world: World, table: CommandTable): Promise<number> {
  if (argv[0] === '__complete') {
    const { complete } = await import('./complete.ts')
    return await complete(argv.slice(1), world)
  }
  if (argv[0] === 'help') return await help(argv.slice(1), world, table)
  const located = locate(argv, table)
  const { path, row, words } = located
  if (row === undefined) {
    if (argv.includes('--version')) {
      await world.io.out(`${world.version}\n`)
      return 0
    }
    if (path.length === 0 && words.every((word) => isHelp(word)))
      return await help([], world, table)
    if (words.some(isHelp)) return await help(path, world, table)
    return refuseUnfinished(located, table)
  }
  const command = await row.load()
  if (asksForHelp(command, words)) return await help(path, world, table)
  return await execute(command, words, { argv, world, table })
}

async function execute(
  command: AnyCommand,
  words: readonly string[],
  {
    argv,
    world,
    table,
  }: {
    readonly argv: readonly string[]
    readonly world: World
    readonly table: CommandTable
  },
): Promise<number> {
  const { parseWords } = await import('./mount.ts')
  const ours: Flags = { ...globalFlags, ...(command.isPaged === true ? pageFlags : {}) }
  const mounted = {
    path: command.path,
    args: command.args,
    flags: { ...command.flags, ...ours },
    isPassThrough: command.isPassThrough === true,
  }
  const raw = parseWords(mounted, words)
  const globals = readFlags({ path: command.path, flags: ours }, raw, world.clock.now())
  if (globals['help'] === true) return await help(command.path, world, table)
  const settings = settingsOf(globals as Parameters<typeof settingsOf>[0], world.env)
  checkSettings(settings, command)
  const kit = kitOf(world, settings, rehearsal(world, table))
  const input = await gather(kit, command, raw)
  const { view, problem, status } = await command.run(kit, input as never)
  if (view !== undefined) await kit.show(view)
  if (problem !== undefined) await complain({ argv, world, table }, problem, settings)
  return status ?? (problem === undefined ? 0 : rowOf(problem.code).exit)
}

const isHelp = (word: string): boolean => word === '-h' || word === '--help'

/** Help is given even where the rest of the line is wrong; but not on behalf of a child's command line. */
function asksForHelp({ isPassThrough = false }: AnyCommand, words: readonly string[]): boolean {
  if (isPassThrough) return words[0] !== undefined && isHelp(words[0])
  const end = words.indexOf('--')
  return (end === -1 ? words : words.slice(0, end)).some(isHelp)
}

async function help(path: readonly string[], world: World, table: CommandTable): Promise<number> {
  const { helpText } = await import('./manual/help.ts')
  const words = path.filter((word) => !isHelp(word))
  await world.io.out(await helpText(words, table, world.io.columns))
  return 0
}

/** A noun without its verb: in a script that is a mistake, so it is no success. */
function refuseUnfinished({ path, words }: Located, table: CommandTable): never {
  const verbs = below(table, path).join(', ')
  if (path.length === 0) refuse('usage-invalid', 'no command', { next: `credctl --help` })
  const stray = words.length === 0 ? '' : ' before any flag'
  refuse('usage-invalid', `${path.join(' ')} needs one of ${verbs}${stray}`, {
    next: `credctl ${path.join(' ')} --help`,
  })
}

/** Words a problem in the format of this run, or in the one that was most likely meant. */
async function complain(
  { argv, world, table }: { argv: readonly string[]; world: World; table: CommandTable },
  problem: Problem,
  settings?: Kit['settings'],
): Promise<void> {
  const { io, env } = world
  const end = argv.indexOf('--')
  const ours = end === -1 ? argv : argv.slice(0, end)
  const withColor = settings?.withColor ?? !ours.includes('--no-color')
  showProblem(io, problem, {
    format: settings?.output ?? errorFormat(argv, env),
    style: await styleOf(takesColor({ isTty: io.isErrTty, withColor }, env)),
    path: namedBy(argv, table),
    withCause: isOn(env['CREDCTL_DEBUG']) || ours.includes('--debug'),
  })
}

/** The command's own words and no others: what stands beside them may be a secret. */
function namedBy(argv: readonly string[], table: CommandTable): readonly string[] {
  try {
    return locate(argv, table).path
  } catch {
    return []
  }
}

/** Another command line in the same world, but in a pipe, with a folder and an input of its own. */
const rehearsal =
  (world: World, table: CommandTable): Kit['rehearse'] =>
  async (argv, { dataDir, input = '' }) => {
    let out = ''
    let err = ''
    const io: World['io'] = {
      isInTty: false,
      isOutTty: false,
      isErrTty: false,
      isErrFile: false,
      columns: undefined,
      errColumns: undefined,
      out: async (text) => {
        out += text
      },
      err: (text) => {
        err += text
      },
      readStdin: async () => input,
      async *readLines() {
        yield* input.split('\n')
      },
      onInterrupt: (listener) => world.io.onInterrupt(listener),
    }
    const env = { CREDCTL_DATA_DIR: dataDir }
    const status = await runProgram(argv, { ...world, io, env }, table)
    return { status, out, err }
  }
