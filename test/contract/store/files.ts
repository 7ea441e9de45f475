import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

let made = 0

/** An empty file as boot makes it, under a name that was not used before. */
export function newFile(folder: string): string {
  const path = join(folder, `${made++}.db`)
  closeSync(openSync(path, 'ax', 0o600))
  return path
}

export interface Finished {
  readonly status: number | null
  readonly lines: readonly string[]
  readonly errors: string
}

/** Runs `process.ts`, with its four arguments or the first of them, to its end, or until `stopAt` lines have come and it is killed. */
export function runProcess(
  args: readonly string[],
  { uid, stopAt = Infinity }: { uid?: number; stopAt?: number } = {},
): Promise<Finished> {
  const script = fileURLToPath(new URL('./process.ts', import.meta.url))
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  let out = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    if (stopAt < out.split('\n').length) child.kill('SIGKILL')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, lines: out.split('\n').slice(0, -1), errors }))
  })
}
