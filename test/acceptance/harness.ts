import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { expect, onTestFinished } from 'vitest'

export const root = resolve(import.meta.dirname, '../..')
/** The built program. `npm test` builds it first; the launcher itself says so where that was left out. */
const PROGRAM = join(root, 'bin', 'credctl.js')
/** Compiled code may be shared by all homes: it is the same code, and compiling it is most of a start. */
const CACHES = join(root, 'node_modules', '.cache', 'acceptance')

export interface Ran {
  /** The exit status; 128 + its number where a signal ended it, as a shell has it. */
  readonly status: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly stdin?: string | undefined
  /** On top of the clean environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Loaded into the process before the program, such as a fault. */
  readonly preload?: string
  /** Runs this Node with these words, and not the program. */
  readonly node?: readonly string[]
  /** Runs as this user, where the tests are run by root. */
  readonly uid?: number
  readonly cwd?: string
}

/** A user's machine in a folder: home, data, temporary files, and `credctl` on the path. */
export interface Home {
  readonly directory: string
  readonly dataDir: string
  readonly tmp: string
  readonly env: Readonly<Record<string, string>>
  /** A path in the home. */
  readonly path: (name: string) => string
  /** Writes a file into the home and answers with its path. */
  readonly write: (name: string, text: string | Uint8Array) => Promise<string>
  readonly read: (name: string) => Promise<string>
  /** Runs `credctl` to its end. */
  readonly run: (argv: readonly string[], options?: RunOptions) => Promise<Ran>
  /** Runs it, expects status 0, and answers with its output as JSON. */
  readonly json: <T = Json>(argv: readonly string[], options?: RunOptions) => Promise<T>
  /** Runs a script as a shell does, and stops at the first command that fails. */
  readonly shell: (script: string, options?: RunOptions) => Promise<Ran>
  /** Starts `credctl` and does not wait for it; whatever is left of it at the end is killed. */
  readonly start: (argv: readonly string[], options?: RunOptions) => Running
  /** Starts a server on a free port and waits for its readiness line. */
  readonly serve: (argv?: readonly string[], options?: RunOptions) => Promise<Server>
}

/** What JSON holds, for tests that look into it. */
// oxlint-disable-next-line typescript/no-explicit-any -- a test states what it expects by its matchers
export type Json = any

export interface Running {
  readonly child: ChildProcess
  readonly done: Promise<Ran>
  /** Resolves with the first line of stdout; rejects where the process ends without one. */
  readonly firstLine: Promise<string>
  readonly kill: (signal?: NodeJS.Signals) => void
}

export interface Server extends Running {
  readonly url: string
  readonly issuer: string
  readonly pid: number
  /** Stops it as an init system does, and answers with how it ended. */
  readonly stop: () => Promise<Ran>
}

/** Makes a home for one test, and removes it, and whatever still runs in it, when that is over. */
export async function makeHome(): Promise<Home> {
  const directory = await mkdtemp(join(tmpdir(), 'credctl-home-'))
  const tmp = join(directory, 'tmp')
  const bin = join(directory, 'bin')
  await mkdir(tmp)
  await mkdir(bin)
  mkdirSync(CACHES, { recursive: true })
  await symlink(PROGRAM, join(bin, 'credctl'))
  const running = new Set<Running>()
  onTestFinished(async () => {
    for (const { child } of running) child.kill('SIGKILL')
    await Promise.all([...running].map(({ done }) => done))
    await chmod(directory, 0o700)
    await rm(directory, { recursive: true, force: true })
  })
  const env = {
    PATH: [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    HOME: directory,
    TMPDIR: tmp,
    XDG_CACHE_HOME: CACHES,
    TZ: 'UTC',
  }
  const spawned = (command: string, args: readonly string[], options: RunOptions): Running => {
    const process = spawnProcess(command, args, { cwd: directory, ...options }, env)
    running.add(process)
    void process.done.finally(() => running.delete(process))
    return process
  }
  const start: Home['start'] = (argv, options = {}) => {
    const { preload, node } = options
    const before = preload === undefined ? [] : ['--import', preload]
    return spawned(process.execPath, node ?? [...before, PROGRAM, ...argv], options)
  }
  const run: Home['run'] = (argv, options) => start(argv, options).done
  return {
    directory,
    dataDir: join(directory, '.local', 'share', 'credctl'),
    tmp,
    env,
    path: (name) => join(directory, name),
    async write(name, text) {
      await writeFile(join(directory, name), text)
      return join(directory, name)
    },
    read: (name) => readFile(join(directory, name), 'utf8'),
    start,
    run,
    async json(argv, options) {
      const { status, out, err } = await run([...argv, '-o', 'json'], options)
      expect({ status, err }, argv.join(' ')).toEqual({ status: 0, err: expect.any(String) })
      return JSON.parse(out)
    },
    shell: (script, options = {}) => spawned('sh', ['-eu', '-c', script], options).done,
    async serve(argv = [], options) {
      const server = start(['serve', '--listen', '127.0.0.1:0', '-o', 'json', ...argv], options)
      const ready = JSON.parse(await server.firstLine) as Pick<Server, 'url' | 'issuer' | 'pid'>
      return {
        ...server,
        ...ready,
        stop: () => {
          server.kill('SIGTERM')
          return server.done
        },
      }
    },
  }
}

/** A home that has an authority already. */
export async function makeAuthority(...scopes: readonly string[]): Promise<Home> {
  const home = await makeHome()
  await home.json(['init'])
  if (0 < scopes.length) {
    await home.json(['client', 'create', 'bot', ...scopes.flatMap((scope) => ['--scope', scope])])
  }
  return home
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGINT: 2,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGKILL: 9,
}

function spawnProcess(
  command: string,
  args: readonly string[],
  { stdin, env = {}, uid, cwd }: RunOptions,
  clean: Readonly<Record<string, string>>,
): Running {
  const child = spawn(command, args, {
    env: { ...clean, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  let out = ''
  let err = ''
  const { promise: firstLine, resolve: told, reject: untold } = Promise.withResolvers<string>()
  // Most runs are not waited for line by line.
  firstLine.catch(() => undefined)
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk
    if (out.includes('\n')) told(out.slice(0, out.indexOf('\n')))
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk))
  // A command that fails early reads nothing.
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin ?? '')
  const done = new Promise<Ran>((finish, fail) => {
    child.once('error', fail)
    child.once('close', (code, signal) => {
      untold(new Error(`it ended with ${code ?? signal} and said nothing: ${err}`))
      finish({ status: code ?? 128 + (SIGNALS[signal ?? ''] ?? 0), out, err })
    })
  })
  return { child, done, firstLine, kill: (signal = 'SIGKILL') => void child.kill(signal) }
}
