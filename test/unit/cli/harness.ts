import { expect } from 'vitest'
import { readCertificate } from '#boot/certificate.ts'
import { systemFiles } from '#boot/files.ts'
import type { CommandTable } from '#cli/command.ts'
import { commandTable } from '#cli/commands/index.ts'
import type { Oauth } from '#client/oauth.ts'
import {
  type Captured,
  type Child,
  type Connecting,
  type Context,
  type Contexts,
  type Environment,
  type Local,
  OutputClosed,
  type Prompt,
  type Target,
  type World,
} from '#cli/kit.ts'
import { runProgram } from '#cli/program.ts'
import type { Clock } from '#kernel/clock.ts'
import type { Admin } from '#contract/admin-api.ts'
import { formatInstant, type Instant, parseInstant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'

/** When every run happens, unless it says otherwise. */
export const NOW = parseInstant('2026-11-23T19:08:00Z') as Instant

/** The answer of somebody who has had enough. */
export const CTRL_C = 'interrupt'

/** An answer that is waiting for its question. One that is not asked for fails the test. */
export interface Answer {
  readonly to: keyof Prompt
  /** What the question must say. */
  readonly about?: RegExp
  /** `CTRL_C` interrupts. */
  readonly answer: string | boolean | readonly string[]
}

export interface Scene {
  /** Split at blanks, with quotes as in a shell; or the words themselves. */
  readonly argv: string | readonly string[]
  /** A terminal on all three streams, or only on those named. Default: a pipe on all. */
  readonly tty?: boolean | readonly ('in' | 'out' | 'err')[]
  readonly columns?: number
  readonly env?: Environment
  readonly stdin?: string
  readonly answers?: readonly Answer[]
  readonly admin?: Partial<Admin>
  /** Makes the admin API of this run, where it depends on how it is connected to. */
  readonly connect?: (options: Connecting) => Partial<Admin>
  readonly local?: Partial<Local>
  readonly oauth?: Oauth
  /** What a CI system's runner answers. */
  readonly getJson?: World['web']['getJson']
  /** What a helper program says; otherwise there is none. */
  readonly capture?: (child: Child, stdin: string) => Captured
  /** stderr is a file. */
  readonly isErrFile?: boolean
  /** Texts by path. */
  readonly files?: Readonly<Record<string, string>>
  readonly contexts?: readonly Context[]
  readonly currentContext?: string
  /** What a child process ends with. */
  readonly childStatus?: number
  readonly now?: Instant
  /** Instead of `now`: a clock whose sleepers wake. */
  readonly clock?: Clock
  /** Whoever listens for Ctrl-C is handed to it. */
  readonly onInterrupt?: World['io']['onInterrupt']
  readonly simulate?: World['simulate']
  readonly table?: CommandTable
  /** Whatever waits on the clock has waited long enough; otherwise it waits for ever. */
  readonly isLate?: boolean
  /** stdout's reader goes away after this many writes. */
  readonly writesMax?: number
}

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
  readonly targets: readonly Target[]
  readonly written: ReadonlyMap<string, string>
  readonly children: readonly {
    readonly command: string
    readonly args: readonly string[]
    readonly env: Environment
  }[]
}

/** Runs a command line in a world of values: the real program, and nothing outside this process. */
export async function runCli(scene: Scene): Promise<Ran> {
  const answers = [...(scene.answers ?? [])]
  const { world, ran } = worldOf(scene, answers)
  const argv = typeof scene.argv === 'string' ? wordsOf(scene.argv) : scene.argv
  const status = await runProgram(argv, world, scene.table ?? commandTable)
  expect(answers, 'answers that nobody asked for').toEqual([])
  return { status, ...ran() }
}

/** One row of a table: what is run, and what must come of it. Texts are exact, patterns are sought. */
export interface Row extends Scene {
  readonly status: number
  readonly out?: string | RegExp
  readonly err?: string | RegExp
}

/** The one way in which commands are tested: argv, terminal or pipe, environment → status and streams. */
export async function check({ status, out = '', err = '', ...scene }: Row): Promise<void> {
  const ran = await runCli(scene)
  const seen = { status: ran.status, out: ran.out, err: ran.err }
  expect(seen).toEqual({
    status,
    out: typeof out === 'string' ? out : expect.stringMatching(out),
    err: typeof err === 'string' ? err : expect.stringMatching(err),
  })
}

/** A line as a shell would split it. */
export function wordsOf(line: string): readonly string[] {
  const words = line.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? []
  return words.map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'))
}

function worldOf(
  scene: Scene,
  answers: Answer[],
): { readonly world: World; readonly ran: () => Omit<Ran, 'status'> } {
  const { tty = false, columns = 80, env = {}, stdin = '', now = NOW } = scene
  const isTty = (name: 'in' | 'out' | 'err'): boolean =>
    typeof tty === 'boolean' ? tty : tty.includes(name)
  let out = ''
  let err = ''
  let writes = 0
  const targets: Target[] = []
  const written = new Map<string, string>()
  const children: Ran['children'][number][] = []
  const world: World = {
    version: '1.2.3',
    readCertificate: async (certificate, keys) => readCertificate(certificate, keys),
    env: { TERM: 'xterm', NO_COLOR: '1', ...env },
    io: {
      isInTty: isTty('in'),
      isOutTty: isTty('out'),
      isErrTty: isTty('err'),
      isErrFile: scene.isErrFile === true,
      columns: isTty('out') ? columns : undefined,
      errColumns: isTty('err') ? columns : undefined,
      async out(text) {
        writes += 1
        if (scene.writesMax !== undefined && scene.writesMax < writes) throw new OutputClosed()
        out += text
      },
      err(text) {
        err += text
      },
      readStdin: async () => stdin,
      async *readLines() {
        yield* stdin.split('\n').filter((line) => line !== '')
      },
      onInterrupt: scene.onInterrupt ?? (() => () => undefined),
    },
    clock: scene.clock ?? {
      now: () => now,
      sleep: () => (scene.isLate === true ? Promise.resolve() : new Promise(() => undefined)),
    },
    prompt: scripted(answers),
    files: {
      readText: async (path) =>
        scene.files?.[path] ?? refuse('request-invalid', `${path} cannot be read: ENOENT`),
      async claimPrivate(path) {
        if (path in (scene.files ?? {})) {
          refuse('request-invalid', `${path} cannot be written: it exists already`)
        }
        written.set(path, '')
        return {
          append: async (text) => void written.set(path, (written.get(path) ?? '') + text),
          close: async () => undefined,
          discard: async () => void written.delete(path),
        }
      },
      async openAtEnd(path) {
        if (!(path in (scene.files ?? {}))) {
          refuse('request-invalid', `${path} cannot be written: ENOENT`)
        }
        return {
          append: async (text) => void written.set(path, (written.get(path) ?? '') + text),
          close: async () => undefined,
          discard: async () => undefined,
        }
      },
      publicJwk: (pem) => systemFiles.publicJwk(pem),
    },
    contexts: inMemory(scene),
    children: {
      async run(child) {
        children.push(child)
        return scene.childStatus ?? 0
      },
      async runBetween(before, after) {
        children.push(await before())
        await after()
        return scene.childStatus ?? 0
      },
      async capture(child, given) {
        return scene.capture?.(child, given) ?? { status: 127, out: '', err: 'ENOENT' }
      },
    },
    async oauth(target) {
      targets.push(target)
      return scene.oauth ?? refuse('authority-missing', 'no authority in this test')
    },
    web: {
      getJson: async (url, options) =>
        scene.getJson?.(url, options) ?? refuse('runner-unreachable', 'no runner in this test'),
    },
    async connect(target, options) {
      targets.push(target)
      return (scene.connect?.(options) ??
        scene.admin ??
        refuse('authority-missing', 'no authority in this test')) as Admin
    },
    async local(target) {
      targets.push(target)
      return (scene.local ?? refuse('authority-missing', 'no authority in this test')) as Local
    },
    throwaway: async () => ({ dataDir: '/throwaway', dispose: async () => undefined }),
    simulate: async (request, onProgress) => {
      if (scene.simulate === undefined) throw new Error('nothing is simulated in this test')
      return scene.simulate(request, onProgress)
    },
  }
  return { world, ran: () => ({ out, err, targets, written, children }) }
}

function scripted(answers: Answer[]): Prompt {
  const next = (to: keyof Prompt, message: string): never => {
    const found = answers.shift()
    if (found === undefined) throw new Error(`nobody has an answer to: ${message}`)
    expect(found.to, message).toBe(to)
    if (found.about !== undefined) expect(message).toMatch(found.about)
    if (found.answer === CTRL_C) refuse('interrupted', 'the question was left unanswered')
    return found.answer as never
  }
  return {
    confirm: async ({ message }) => next('confirm', message),
    async input({ message, validate }) {
      for (;;) {
        const answer: string = next('input', message)
        if (validate?.(answer) === undefined) return answer
      }
    },
    password: async ({ message }) => next('password', message),
    async select({ message, choices }) {
      const answer: string = next('select', message)
      expect(choices.map(({ value }) => value)).toContain(answer)
      return answer as never
    },
    checkbox: async ({ message }) => next('checkbox', message),
  }
}

function inMemory({ contexts = [], currentContext }: Scene): Contexts {
  let stored = [...contexts]
  let current = currentContext
  const mustExist = (name: string): void => {
    if (!stored.some((one) => one.name === name)) {
      refuse('context-unknown', `there is no context ${name}`, { next: 'credctl context list' })
    }
  }
  return {
    list: async () => stored,
    current: async () => current,
    async add(context) {
      if (stored.some(({ name }) => name === context.name)) {
        refuse('context-exists', `a context ${context.name} exists already`)
      }
      stored.push(context)
    },
    async use(name) {
      mustExist(name)
      current = name
    },
    async remove(name) {
      mustExist(name)
      stored = stored.filter((one) => one.name !== name)
      if (current === name) current = undefined
    },
  }
}

/** A time so many seconds from `NOW`, as the JSON has it. */
export const fromNow = (seconds: number): string => formatInstant((NOW + seconds * 1000) as Instant)
