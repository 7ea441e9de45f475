import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import type { Captured, Child, Children } from '#cli/kit.ts'

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const
/**
 * A terminal sends these to all that run in its foreground, so the child has them already; twice, a
 * Ctrl-C would mean to many programs that they are to drop everything.
 */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']
const DESCRIPTORS = [0, 1, 2] as const

export const systemChildren: Children = {
  run: (child) =>
    runBetween(
      async () => child,
      async () => undefined,
    ),
  runBetween,
  capture: (child, stdin) => capture(child, stdin),
}

/** What a helper prints is an answer or an error, and neither is long. */
const CAPTURED_CHARACTERS_MAX = 1024 * 1024
/** A helper asks its own service for a token or two; one that hangs must not hang the job. */
const CAPTURED_MS_MAX = 60_000

/** As a shell tells of one that was killed: 128 and the number of the signal. */
export function capture(
  { command, args, env }: Child,
  stdin: string,
  timeoutMs = CAPTURED_MS_MAX,
): Promise<Captured> {
  const { promise, resolve } = Promise.withResolvers<Captured>()
  const limits = { timeout: timeoutMs, killSignal: 'SIGKILL' } as const
  const child = spawn(command, [...args], { stdio: 'pipe', env: { ...env }, ...limits })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (out.length < CAPTURED_CHARACTERS_MAX) out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (err.length < CAPTURED_CHARACTERS_MAX) err += text
  })
  child.once('error', ({ code }: NodeJS.ErrnoException) => {
    resolve({ status: code === 'ENOENT' ? 127 : 126, out: '', err: String(code) })
  })
  child.once('close', (status, signal) => {
    resolve({ status: signal === null ? (status ?? 1) : 128 + constants.signals[signal], out, err })
  })
  // One that reads nothing may have ended before all is written; how it ended says the rest.
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin)
  return promise
}

/** Signals are held from the first moment to the last, so none cuts off what has to be done after. */
async function runBetween(
  before: () => Promise<Child>,
  after: () => Promise<void>,
): Promise<number> {
  let running: ChildProcess | undefined
  let held: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals): void => {
    held ??= signal
    const isTyped = FROM_TERMINAL.includes(signal) && hasTerminal()
    if (!isTyped) running?.kill(signal)
  }
  for (const signal of FORWARDED) process.on(signal, onSignal)
  try {
    const child = await before()
    try {
      // Told to end before anything was begun: then nothing is.
      if (held !== undefined) return 128 + constants.signals[held]
      return await ended(child, (process_) => {
        running = process_
      })
    } finally {
      running = undefined
      await after()
    }
  } finally {
    for (const signal of FORWARDED) process.off(signal, onSignal)
  }
}

/** One stream is enough: stdin may come from a pipe, and the terminal still sends to all. */
const hasTerminal = (): boolean => DESCRIPTORS.some((descriptor) => isatty(descriptor))

const ended = (
  { command, args, env }: Child,
  onStart: (child: ChildProcess) => void,
): Promise<number> =>
  new Promise((resolve) => {
    const child = spawn(command, [...args], { stdio: 'inherit', env: { ...env } })
    onStart(child)
    // As a shell has it: 127 where there is no such program, 126 where it is none that can be run.
    child.once('error', ({ code }: NodeJS.ErrnoException) => {
      const isMissing = code === 'ENOENT'
      const why = isMissing ? 'there is no such program' : (code ?? 'error')
      process.stderr.write(`credctl: ${command} cannot be run: ${why}\n`)
      resolve(isMissing ? 127 : 126)
    })
    child.once('exit', (status, signal) => {
      resolve(signal === null ? (status ?? 1) : 128 + constants.signals[signal])
    })
  })
