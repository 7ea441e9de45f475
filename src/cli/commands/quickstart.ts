import { defineCommand } from '#cli/command.ts'
import { toggle } from '#cli/flags.ts'
import type { Kit, Rehearsed } from '#cli/kit.ts'
import { batch, shape } from '#cli/view.ts'
import { Problem } from '#kernel/problem.ts'

/** One command of the tour, and what to say of it. */
interface Step {
  readonly title: string
  readonly argv: readonly string[]
  /** What stands behind the command on the line that is shown, such as a redirection. */
  readonly behind?: string
  readonly input?: string
  /** The tour goes on only if the command ends so; a refusal is part of the show. */
  readonly expected: number
  /** Its output goes where `behind` says, and not to the terminal. */
  readonly isSilent?: boolean
  readonly words: readonly string[]
}

interface StepResult {
  readonly step: number
  readonly title: string
  readonly command: string
  readonly exitStatus: number
}

const stepShape = shape<StepResult>({
  kind: 'step',
  id: ({ step }) => String(step),
  columns: [
    { key: 'step', kind: 'number' },
    { key: 'title' },
    { key: 'command', keep: true },
    { key: 'exitStatus', title: 'exit', kind: 'number' },
  ],
})

/**
 * `credctl quickstart`: a credential's whole life in a throw-away authority.
 *
 * Every line that it shows is a command that it runs, through the same parser, API and database as
 * if it had been typed; nothing on the screen is made up.
 */
export const quickstart = defineCommand({
  path: ['quickstart'],
  summary: 'Show a credential’s whole life in a throw-away authority',
  description: [
    'Makes an authority in a temporary folder, registers a client, issues scoped tokens, lists, inspects, verifies, revokes and lifts, and rotates the signing key. Each step shows the command, its real output and what happened. Nothing of yours is touched, and the folder is removed at the end.',
  ],
  args: {},
  flags: { keep: toggle('leave the authority there to play with, and say where it is') },
  examples: [
    { run: 'credctl quickstart', about: 'Take the tour' },
    { run: 'credctl quickstart --keep', about: 'Take the tour, and go on from where it ends' },
  ],
  output: [stepShape],

  async run(kit, { keep }) {
    const tour = await startTour(kit)
    try {
      await walk(tour)
    } finally {
      if (!keep) await tour.dispose()
    }
    await tour.say(closing(tour, keep))
    return tour.isTold ? {} : { view: batch(stepShape, tour.results) }
  },
})

interface Tour {
  readonly results: StepResult[]
  /** Whether it is told to a person as it goes; a script gets the list of steps at the end. */
  readonly isTold: boolean
  readonly dataDir: string
  readonly begunAt: number
  readonly now: () => number
  readonly dispose: () => Promise<void>
  readonly say: (lines: readonly string[]) => Promise<void>
  /** Runs a step, shows it, and answers with what it printed. */
  readonly take: (step: Step) => Promise<string>
  /** Runs a command that is not part of the show. */
  readonly ask: (argv: readonly string[]) => Promise<string>
}

/** How many steps `walk` takes. */
const STEPS = 12

async function startTour(kit: Kit): Promise<Tour> {
  const { dataDir, dispose } = await kit.throwaway()
  const isTold = kit.settings.output === 'table' && !kit.settings.isQuiet
  const style = await kit.style.out()
  const results: StepResult[] = []
  const say = async (lines: readonly string[]): Promise<void> => {
    if (isTold) await kit.io.out(`${lines.join('\n')}\n`)
  }
  const rehearse = (argv: readonly string[], input?: string): Promise<Rehearsed> =>
    kit.rehearse(argv, { dataDir, ...(input === undefined ? {} : { input }) })
  return {
    results,
    isTold,
    dataDir,
    begunAt: kit.clock.now(),
    now: () => kit.clock.now(),
    dispose,
    say,
    async take(step) {
      const number = results.length + 1
      const command = `credctl ${step.argv.map(quoted).join(' ')}${step.behind ?? ''}`
      await say([
        '',
        style.bold(`${number}/${STEPS}  ${step.title}`),
        `${style.dim('$')} ${style.cyan(command)}`,
      ])
      const { status, out, err } = await rehearse(step.argv, step.input)
      results.push({ step: number, title: step.title, command, exitStatus: status })
      if (status !== step.expected) throw stumbled(command, status, err)
      const shown = step.isSilent === true ? err : out + err
      await say([
        ...indented(shown),
        ...(status === 0 ? [] : [style.dim(`  (exit status ${status})`)]),
        ...step.words.map((line) => `${style.green('→')} ${line}`),
      ])
      return out
    },
    async ask(argv) {
      const { status, out, err } = await rehearse(argv)
      if (status !== 0) throw stumbled(`credctl ${argv.join(' ')}`, status, err)
      return out.trim()
    },
  }
}

async function walk(tour: Tour): Promise<void> {
  const { take } = tour
  await take({
    title: 'Make an authority',
    argv: ['init'],
    expected: 0,
    words: ['One SQLite file and one signing key in a folder of its own. No server is needed.'],
  })
  await take({
    title: 'Register a client',
    argv: ['client', 'create', 'deploy-bot', ...scopes('deploy:prod', 'deploy:staging')],
    expected: 0,
    words: ['A client is what may ask for tokens. It can never ask for more than these scopes.'],
  })
  await take({
    title: 'Issue a token',
    argv: [...issue, ...scopes('deploy:prod'), '--ttl', '10m'],
    expected: 0,
    words: ['It is shown this once; from now on there is only its handle.'],
  })
  const token = await take({
    title: 'Issue another into a file, and ask for too much',
    argv: [...issue, ...scopes('deploy:staging'), '--ttl', '10y', '-o', 'token'],
    behind: ' > token.txt',
    isSilent: true,
    expected: 0,
    words: ['Policy allows an hour here. What is shortened is said, never done in silence.'],
  })
  await take({
    title: 'See what is out there',
    argv: ['token', 'list'],
    expected: 0,
    words: ['Handles, scopes, states: never the tokens.'],
  })
  await inspectAndVerify(tour, token)
  await takeBack(tour, token)
  await take({
    title: 'Rotate the signing key',
    argv: ['key', 'rotate'],
    expected: 0,
    words: ['New tokens are signed with the new key; old ones go on verifying until they expire.'],
  })
}

const scopes = (...names: readonly string[]): string[] => names.flatMap((name) => ['--scope', name])
const issue = ['token', 'issue', '--client', 'deploy-bot']
const behind = ' < token.txt'

async function inspectAndVerify({ take }: Tour, input: string): Promise<void> {
  await take({
    title: 'Look into the token',
    argv: ['token', 'inspect', '-'],
    behind,
    input,
    expected: 0,
    words: ['Decoded on this machine, without asking anybody. That proves nothing yet.'],
  })
  await take({
    title: 'Verify it',
    argv: ['token', 'verify', '-'],
    behind,
    input,
    expected: 0,
    words: ['The authority checked signature, times and revocation.'],
  })
}

async function takeBack({ take, ask }: Tour, input: string): Promise<void> {
  await take({
    title: 'It leaked: revoke everything the client holds',
    argv: [
      'revoke',
      '--client',
      'deploy-bot',
      '--reason',
      'testing',
      '--message',
      'ask #security',
      '--yes',
    ],
    expected: 0,
    words: ['One entry in the log, however many tokens it hits. Without --yes it would ask first.'],
  })
  await take({
    title: 'Verify it again',
    argv: ['token', 'verify', '-'],
    behind,
    input,
    expected: 1,
    words: ['Refused, with the reason and your message for whoever holds it.'],
  })
  const id = await ask(['revocation', 'list', '-q'])
  await take({
    title: 'It was a drill: lift the revocation as one unit',
    argv: ['revocation', 'lift', id, '--yes'],
    expected: 0,
    words: ['What another revocation hits, or what has expired, would stay dead.'],
  })
  await take({
    title: 'And it works again',
    argv: ['token', 'verify', '-'],
    behind,
    input,
    expected: 0,
    words: [],
  })
}

function closing({ dataDir, begunAt, now, results }: Tour, keep: boolean): string[] {
  const seconds = ((now() - begunAt) / 1000).toFixed(1)
  return [
    '',
    `That was a credential's whole life: ${results.length} commands in ${seconds} s, on a real database.`,
    keep
      ? `The authority is still there: export CREDCTL_DATA_DIR=${quoted(dataDir)}`
      : 'The throw-away authority is gone.',
    '',
    'Next:',
    '  credctl init                   an authority of your own',
    '  credctl token issue --help     every way to issue',
    '  credctl revoke --help          every way to select what to revoke',
    '  credctl help                   all commands',
  ]
}

const indented = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))

/** As a shell would have to be given it. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`

const stumbled = (command: string, status: number, err: string): Problem =>
  new Problem('internal', `the tour stumbled: ${command} ended with ${status}: ${err.trim()}`, {
    next: 'report this with the output of `credctl --version`',
  })
