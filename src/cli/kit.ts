import type { Oauth } from '#client/oauth.ts'
import type { Admin } from '#contract/admin-api.ts'
import type { CertificateClaims } from '#contract/certificate.ts'
import type {
  SimulationProgress,
  SimulationReport,
  SimulationRequest,
} from '#contract/simulation.ts'
import type { Clock } from '#kernel/clock.ts'
import type { Settings } from './settings.ts'
import type { View } from './view.ts'

/**
 * What the composition root gives the command line: inert values and lazy functions. Making one
 * touches no disk, no network and no terminal, so help and man pages need no authority.
 */
export interface World {
  readonly version: string
  readonly io: Io
  /** The process's environment, as it is. */
  readonly env: Environment
  readonly clock: Clock
  /** Loads inquirer when the first question is asked. */
  readonly prompt: Prompt
  readonly files: Files
  readonly contexts: Contexts
  readonly children: Children
  /** The admin API of a target. Refusals: `authority-missing`, `authority-unreachable`. */
  readonly connect: (target: Target, options: Connecting) => Promise<Admin>
  /**
   * The OAuth endpoints of a target, for whoever has no credential there: none is sent along. Refusals
   * as of `connect`.
   */
  readonly oauth: (target: Target) => Promise<Oauth>
  readonly web: Web
  /** What only the machine that holds the data folder can do. */
  readonly local: (target: Target) => Promise<Local>
  /** An empty folder for an authority that is only looked at, and how to be rid of both. */
  readonly throwaway: () => Promise<Throwaway>
  /** Runs a scenario in this process; the simulator is loaded when the first one runs. */
  readonly simulate: (
    request: SimulationRequest,
    onProgress: (progress: SimulationProgress) => void,
  ) => Promise<SimulationReport>
  /**
   * Takes a certificate of enforcement apart and says what speaks against it. No network: the keys
   * that may have signed it, as JWKs, are handed in.
   */
  readonly readCertificate: (
    text: string,
    keys: readonly Readonly<Record<string, unknown>>[],
  ) => Promise<ReadCertificate>
}

export interface Connecting {
  /** The changes of this run are made once under it, however often it is run. */
  readonly idempotencyKey?: string
}

/** What a command may reach for: the world, with the global flags applied. */
export interface Kit extends Omit<World, 'connect' | 'oauth' | 'local'> {
  readonly settings: Settings
  readonly admin: () => Promise<Admin>
  readonly oauth: () => Promise<Oauth>
  readonly local: () => Promise<Local>
  /** Colours for each stream; plain functions where that stream takes none. */
  readonly style: { readonly out: () => Promise<Style>; readonly err: () => Promise<Style> }
  /** Whether a question may be asked: a terminal on stdin and stderr, and no `--no-input`. */
  readonly isInteractive: boolean
  /** One line on stderr, whatever the format: something the user did not ask for has happened. */
  readonly warn: (text: string) => void
  /** One line on stderr for people: what to run next. Not said under `-q` and the JSON formats. */
  readonly hint: (text: string) => void
  /** Prints a view now, in the format asked for; what `run` returns is printed after it. */
  readonly show: (view: View) => Promise<void>
  /** Runs another command line against a data folder, without a terminal, and hands back its output. */
  readonly rehearse: (
    argv: readonly string[],
    options: { readonly dataDir: string; readonly input?: string },
  ) => Promise<Rehearsed>
  /** A line on a terminal's stderr that is replaced as work goes on; silent elsewhere. */
  readonly progress: (title: string) => Progress
  /**
   * What somebody waits for, on stderr: one line that is rewritten on a terminal, a line every few
   * seconds in a log, and nothing in a log whose other lines are JSON, or under `-q`.
   */
  readonly live: () => Live
}

export interface ReadCertificate {
  /** Of the key that it says signed it. */
  readonly keyId?: string
  /** Only where nothing speaks against it: of any other, nothing is believed. */
  readonly claims?: CertificateClaims
  /** Sentences; none: it is signed by one of the keys, and holds by itself. */
  readonly problems: readonly string[]
}

export interface Throwaway {
  readonly dataDir: string
  readonly dispose: () => Promise<void>
}

export interface Rehearsed {
  readonly status: number
  readonly out: string
  readonly err: string
}

export type Environment = Readonly<Record<string, string | undefined>>

export interface Io {
  readonly isInTty: boolean
  readonly isOutTty: boolean
  readonly isErrTty: boolean
  /** What is written to stderr stays in a file, and nobody reads along. */
  readonly isErrFile: boolean
  /** Width of the terminal that stdout is; `undefined` in a pipe, where nothing is cut. */
  readonly columns: number | undefined
  /** Width of the terminal that stderr is; `undefined` in a pipe. */
  readonly errColumns: number | undefined
  /** Writes text as it is, and resolves when more may be written. Rejects with `OutputClosed`. */
  out(text: string): Promise<void>
  /** Writes text as it is. A closed stderr is nobody's problem. */
  err(text: string): void
  /** All of stdin, as UTF-8. */
  readStdin(): Promise<string>
  /** Stdin line by line, without the line ends. */
  readLines(): AsyncIterable<string>
  /** While a listener is on, Ctrl-C calls it instead of ending the process; returns how to leave. */
  onInterrupt(listener: () => void): () => void
}

/** The reader of stdout has gone: the command ends quietly, with status 0. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

export interface Choice<T extends string> {
  readonly value: T
  readonly name?: string | undefined
  readonly about?: string | undefined
}

/** Questions, on stderr. Each rejects with the problem `interrupted` when Ctrl-C answers it. */
export interface Prompt {
  confirm(question: { readonly message: string; readonly initial?: boolean }): Promise<boolean>
  input(question: {
    readonly message: string
    readonly initial?: string
    /** `undefined` accepts; a text says what is wrong, and the question is asked again. */
    readonly validate?: (answer: string) => string | undefined
  }): Promise<string>
  password(question: { readonly message: string }): Promise<string>
  select<T extends string>(question: {
    readonly message: string
    readonly choices: readonly Choice<T>[]
  }): Promise<T>
  checkbox<T extends string>(question: {
    readonly message: string
    readonly choices: readonly Choice<T>[]
    readonly required?: boolean
  }): Promise<readonly T[]>
}

/** Refusals of all: `request-invalid`, naming the path and what the system said. */
export interface Files {
  readText(path: string): Promise<string>
  /**
   * Makes a new, empty file that only its owner can read (mode 0600); never in the place of an
   * existing one. Made before the secret that is to go into it, so that none is made in vain.
   */
  claimPrivate(path: string): Promise<PrivateFile>
  /** Opens a file that is there, to write at its end. What it is told to discard stays as it was. */
  openAtEnd(path: string): Promise<PrivateFile>
  /** The public JWK of a public key or certificate in PEM. Refusal: `request-invalid`. */
  publicJwk(pem: string): Promise<Readonly<Record<string, unknown>>>
}

/** A file that is being written. */
export interface PrivateFile {
  append(text: string): Promise<void>
  close(): Promise<void>
  /** Removes it again: there is nothing to put into it. */
  discard(): Promise<void>
}

/** Which authority is meant: a folder on this machine, or a server. */
export type Target =
  | { readonly kind: 'embedded'; readonly dataDir?: string | undefined }
  | {
      readonly kind: 'remote'
      readonly server: string
      readonly caCert?: string | undefined
      readonly context?: string | undefined
    }

/** A named target. It holds no secret. */
export interface Context {
  readonly name: string
  readonly server?: string | undefined
  readonly dataDir?: string | undefined
  readonly caCert?: string | undefined
}

/** Contexts on disk, read when first asked for. Refusal: `configuration-invalid`. */
export interface Contexts {
  list(): Promise<readonly Context[]>
  /** The name of the context in use, if one is. */
  current(): Promise<string | undefined>
  /** Refusal: `context-exists`. */
  add(context: Context): Promise<void>
  /** Refusal: `context-unknown`. */
  use(name: string): Promise<void>
  /** Refusal: `context-unknown`. */
  remove(name: string): Promise<void>
}

export interface Local {
  readonly dataDir: string
  /** Refusal: `authority-exists`. */
  init(options: { readonly issuer?: string | undefined }): Promise<{
    readonly issuer: string
    readonly dataDir: string
    readonly keyId: string
  }>
  /** Copies the database, while it is in use, into a new file. Refusal: `request-invalid`. */
  backup(file: string, onProgress: (done: number, total: number) => void): Promise<BackedUp>
  /** Puts a backup in the place of the database. Refusals: `authority-serving`, `key-locked` … */
  restore(file: string): Promise<Restored>
  /** Takes the database that lies there under a new epoch. Refusals as of `restore`. */
  adopt(): Promise<Restored>
  /** Serves until the process is told to stop. Refusals: `listen-refused`, `authority-serving`. */
  serve(options: ServeOptions, onReady: (ready: Serving) => Promise<void>): Promise<void>
}

export interface BackedUp {
  readonly file: string
  readonly bytes: number
  readonly issuer: string
  readonly position: number
}

export interface Restored {
  readonly issuer: string
  readonly dataDir: string
  readonly epoch: number
  readonly position: number
  readonly keyId: string
  readonly revokedKeys: readonly string[]
  readonly revocationId: string
  readonly replaced?: string
}

export interface ServeOptions {
  readonly listen?: string | undefined
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly behindProxy: boolean
  /** The operator has looked at the clock, and says that it is right. */
  readonly confirmClock: boolean
}

export interface Serving {
  readonly url: string
  readonly issuer: string
  readonly pid: number
}

export interface Child {
  readonly command: string
  readonly args: readonly string[]
  /** The child's whole environment. */
  readonly env: Environment
}

/** What a child said, and how it ended: as `Children.run` has it. */
export interface Captured {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** What a CI system's runner serves its jobs. */
export interface Web {
  /**
   * GETs a JSON document with a bearer token, which is told to nobody else. Tries again where that may
   * help. Refusal: `runner-unreachable`; an answer of any status is an answer.
   */
  getJson(
    url: string,
    options: { readonly bearer: string },
  ): Promise<{ readonly status: number; readonly body: unknown }>
}

export interface Children {
  /**
   * Runs a child with our streams; forwards signals; answers with its exit status: 128 + the signal's
   * number where one ended it, 127 where there is no such program, 126 where it cannot be run.
   */
  run(child: Child): Promise<number>
  /** Runs a child with this text as its stdin, and keeps what it prints. */
  capture(child: Child, stdin: string): Promise<Captured>
  /**
   * As `run`, with something to do before and after that no signal cuts short. One that comes before
   * the child is started starts none.
   */
  runBetween(before: () => Promise<Child>, after: () => Promise<void>): Promise<number>
}

export type Paint = (text: string) => string
export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly cyan: Paint
}

export interface Live {
  /** Shows the text, made for a line of that width; `undefined` where it is as long as it likes. */
  update(write: (width: number | undefined) => string): void
  /** Removes the line. */
  stop(): void
}

export interface Progress {
  /** `done` of `total`, or only what is going on now. */
  update(state: { readonly done?: number; readonly total?: number; readonly note?: string }): void
  /** Removes the line. */
  stop(): void
}
