import { fstatSync, readFileSync, statSync, writeSync } from 'node:fs'
import { type Io, OutputClosed } from '#cli/kit.ts'
import { Problem, refuse } from '#kernel/problem.ts'

const STDIN = 0
const STDOUT = 1
const STDERR = 2

/**
 * The process's own streams, by their descriptors. Node's stream objects take several milliseconds to
 * make, more than most commands work; they are made where one is really needed: on a terminal, and
 * where somebody has set a pipe not to block.
 */
export function processIo(): Io {
  return {
    get isInTty() {
      return isTerminal(STDIN)
    },
    get isOutTty() {
      return isTerminal(STDOUT)
    },
    get isErrTty() {
      return isTerminal(STDERR)
    },
    get isErrFile() {
      return isRegularFile(STDERR)
    },
    get columns() {
      return isTerminal(STDOUT) ? process.stdout.columns : undefined
    },
    get errColumns() {
      return isTerminal(STDERR) ? process.stderr.columns : undefined
    },
    async out(text) {
      const rest = writeNow(STDOUT, text)
      if (rest !== undefined) await writeLater(process.stdout, rest)
    },
    err(text) {
      try {
        const rest = writeNow(STDERR, text)
        if (rest !== undefined) process.stderr.write(rest)
      } catch {
        // Nobody reads it, and there is nobody left to tell.
      }
    },
    async readStdin() {
      try {
        return readFileSync(STDIN, 'utf8')
      } catch (failure) {
        if (codeOf(failure) !== 'EAGAIN') refuseStdin(failure)
      }
      let text = ''
      process.stdin.setEncoding('utf8')
      for await (const chunk of process.stdin) text += String(chunk)
      return text
    },
    readLines: () =>
      process
        .getBuiltinModule('node:readline')
        .createInterface({ input: process.stdin, crlfDelay: Infinity }),
    onInterrupt(listener) {
      process.on('SIGINT', listener)
      return () => process.off('SIGINT', listener)
    },
  }
}

/** Only a character device can be a terminal, and the null device is none; to see that loads nothing. */
function isTerminal(descriptor: number): boolean {
  try {
    const { rdev, ...stat } = fstatSync(descriptor)
    if ((stat.mode & S_IFMT) !== S_IFCHR || rdev === statSync('/dev/null').rdev) return false
  } catch {
    return false
  }
  return process.getBuiltinModule('node:tty').isatty(descriptor)
}

function isRegularFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile()
  } catch {
    return false
  }
}

/** The type of a file in its mode, as POSIX has it (sys/stat.h). */
const S_IFMT = 0o170000
const S_IFCHR = 0o020000

/** Reused: a fresh buffer a write would lie outside the heap until the collector comes by. */
const SCRATCH_BYTES = 256 * 1024
let scratch: Uint8Array | undefined

/**
 * Writes what can be written at once, which is all of it wherever a write blocks, and so holds back
 * whoever produces more than is read. Answers what is left where it does not.
 */
function writeNow(descriptor: number, text: string): Uint8Array | undefined {
  const encoder = new TextEncoder()
  scratch ??= new Uint8Array(SCRATCH_BYTES)
  for (let rest = text; rest !== '';) {
    const { read, written } = encoder.encodeInto(rest, scratch)
    rest = rest.slice(read)
    const left = writeBytes(descriptor, scratch.subarray(0, written))
    if (left !== undefined) return Buffer.concat([left, encoder.encode(rest)])
  }
  return undefined
}

function writeBytes(descriptor: number, bytes: Uint8Array): Uint8Array | undefined {
  let written = 0
  try {
    while (written < bytes.length) written += writeSync(descriptor, bytes, written)
    return undefined
  } catch (failure) {
    if (codeOf(failure) === 'EAGAIN') return bytes.subarray(written)
    throw outputProblem(failure)
  }
}

const writeLater = (stream: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    // A reader that has gone is told by the write that fails; the event would end the process.
    if (stream.listenerCount('error') === 0) stream.on('error', () => undefined)
    stream.write(bytes, (failure) => {
      if (failure === null || failure === undefined) resolve()
      else reject(outputProblem(failure))
    })
  })

/** A reader that has gone ends the command quietly; a full disk has lost what it had to say. */
const outputProblem = (failure: unknown): Error =>
  isClosed(failure)
    ? new OutputClosed()
    : new Problem('output-failed', `the result could not be written: ${wordOf(failure)}`, {
        next: 'what was asked for may have been done: look before doing it again',
        cause: failure,
      })

const refuseStdin = (failure: unknown): never =>
  refuse('request-invalid', `stdin cannot be read: ${wordOf(failure)}`, {
    next: 'pipe or redirect a file into it',
  })

function wordOf(failure: unknown): string {
  const code = codeOf(failure)
  return typeof code === 'string' ? code : 'error'
}

const codeOf = (failure: unknown): unknown => (failure as { code?: unknown } | null)?.code

const isClosed = (failure: unknown): boolean =>
  ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(String(codeOf(failure)))
