import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import type { Entropy } from '#kernel/clock.ts'
import type { Jwk } from '#verifier/protocol.ts'
import { type Authority, isFailure, type Snapshot } from './authority.ts'
import type { Kept } from './engine.ts'
import { createLineReader } from './lines.ts'

const FORMAT = 'credctl-verifier-state'
const FILE_BYTES_MAX = 1024 * 1024 * 1024
const CHUNK_BYTES = 256 * 1024
const LINE_CHARACTERS_MAX = 9 * 1024 * 1024
/** Written by others it could name feed keys of theirs. */
const OTHERS_WRITE = 0o022

/**
 * Reads the file of an earlier start; a text says why it is passed over, `undefined` that there is
 * none. Its keys are what trust in the feed begins with, so it must be the user's own.
 */
export async function readKept(path: string, issuer: string): Promise<Kept | string | undefined> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (failure) {
    const { code = 'error' } = failure as NodeJS.ErrnoException
    return code === 'ENOENT' ? undefined : `it cannot be read (${code})`
  }
  try {
    return await readOpened(file, issuer)
  } catch (failure) {
    return `it cannot be read (${(failure as NodeJS.ErrnoException).code ?? 'error'})`
  } finally {
    await file.close()
  }
}

async function readOpened(file: FileHandle, issuer: string): Promise<Kept | string> {
  const { uid, mode, size } = await file.stat()
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) return 'it is no file'
  // Windows has neither: there the folder's access list says who may.
  const isOthers = uid !== process.getuid?.() || (mode & OTHERS_WRITE) !== 0
  if (isOthers && process.platform !== 'win32') return 'others may write to it'
  if (FILE_BYTES_MAX < size) return 'it is larger than any state'
  const lines: string[] = []
  const reader = createLineReader((line) => lines.push(line), LINE_CHARACTERS_MAX)
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES))
    if (bytesRead === 0) break
    if (!reader.push(buffer.subarray(0, bytesRead))) return 'it is damaged'
  }
  // Every line has its end, so a file that was cut within one shows it.
  return reader.rest() === '' ? keptOf(lines, issuer) : 'it is damaged'
}

function keptOf([first = '', ...entries]: readonly string[], issuer: string): Kept | string {
  let title: Readonly<Record<string, unknown>>
  try {
    title = { ...(JSON.parse(first) as object) }
  } catch {
    return 'it is damaged'
  }
  const { format, issuer: from, head, feedKeys, sum } = title
  if (format !== FORMAT) return 'it is no state of a verifier'
  if (from !== issuer) return 'it is of another authority'
  if (typeof head !== 'string' || !Array.isArray(feedKeys)) return 'it is damaged'
  if (sum !== sumOf({ head, entries })) return 'it is damaged'
  return { head, entries, feedKeys: (feedKeys as unknown[]).filter(isJwk) }
}

const isJwk = (value: unknown): value is Jwk =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((member) => typeof member === 'string')

/** It tells damage from state. It proves nothing: signatures do that. */
function sumOf({ head, entries }: Snapshot): string {
  const hash = createHash('sha256').update(head)
  for (const entry of entries) hash.update('\n').update(entry)
  return hash.digest('base64url')
}

/** Replaces the file as a whole: whoever reads it finds the one or the other. */
async function writeKept(
  path: string,
  issuer: string,
  { head, entries, feedKeys }: Kept,
  mark: string,
): Promise<void> {
  const sum = sumOf({ head, entries })
  const fresh = `${path}.${mark}.tmp`
  try {
    const file = await open(fresh, 'wx', 0o600)
    try {
      await file.appendFile(`${JSON.stringify({ format: FORMAT, issuer, feedKeys, head, sum })}\n`)
      for (const entry of entries) await file.appendFile(`${entry}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(fresh, path)
  } catch (failure) {
    await unlink(fresh).catch(() => undefined)
    throw failure
  }
}

export interface Keeper {
  /** The feed has been applied up to here. */
  applied(position: number): void
  /** Whether it is going to write. */
  isPlanned(): boolean
  /** Resolves when nothing is being fetched or written. */
  settled(): Promise<void>
  close(): void
}

export interface KeeperOptions {
  readonly path: string
  readonly issuer: string
  readonly authority: Pick<Authority, 'snapshot'>
  readonly feedKeys: () => readonly Jwk[]
  readonly entropy: Entropy
  readonly alarm: (detail: string) => void
  /** `next` is the least; it is up to twice as long, by chance. */
  readonly pausesMs: { readonly first: number; readonly next: number }
}

/** The first soon, since a start soon after the first should find something. */
export const keepingPausesMs = { first: 50, next: 30_000 }

/**
 * Keeps the state in a file: the authority's snapshot, soon after the first head and then, where
 * something has come since, once in 30 to 60 s. It is fetched for that purpose, because a verifier
 * does not hold the bytes of what it has applied.
 */
export const createKeeper = (options: KeeperOptions): Keeper => new FileKeeper(options)

class FileKeeper implements Keeper {
  readonly #options: KeeperOptions
  #wanted: number | undefined
  #kept: number | undefined
  #timer: NodeJS.Timeout | undefined
  #pauseMs: number
  #working: Promise<void> | undefined
  #isClosed = false
  #hasAlarmed = false

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#pauseMs = options.pausesMs.first
  }

  applied(position: number): void {
    this.#wanted = position
    this.#plan()
  }

  isPlanned(): boolean {
    return this.#timer !== undefined
  }

  settled(): Promise<void> {
    return this.#working ?? Promise.resolve()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #plan(): void {
    const isBusy = this.#timer !== undefined || this.#working !== undefined
    if (this.#isClosed || isBusy || this.#wanted === this.#kept) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#working = this.#keep().finally(() => {
        this.#working = undefined
        this.#plan()
      })
    }, this.#pauseMs)
    this.#timer.unref()
  }

  async #keep(): Promise<void> {
    const { authority, entropy, pausesMs } = this.#options
    const position = this.#wanted
    this.#pauseMs = pausesMs.next * (1 + (entropy.bytes(1)[0] ?? 0) / 256)
    const snapshot = await authority.snapshot()
    if (!isFailure(snapshot) && !this.#isClosed) await this.#write(snapshot, position)
  }

  async #write(snapshot: Snapshot, position: number | undefined): Promise<void> {
    const { path, issuer, entropy, feedKeys, alarm } = this.#options
    const mark = Buffer.from(entropy.bytes(8)).toString('hex')
    try {
      await writeKept(path, issuer, { ...snapshot, feedKeys: feedKeys() }, mark)
      this.#kept = position
      this.#hasAlarmed = false
    } catch (failure) {
      const { code = 'error' } = failure as NodeJS.ErrnoException
      if (!this.#hasAlarmed) alarm(`the snapshot file ${path} cannot be written (${code})`)
      this.#hasAlarmed = true
    }
  }
}
