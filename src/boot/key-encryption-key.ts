import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { decodeBase64url, encodeBase64url } from '#kernel/base64url.ts'
import type { Entropy } from '#kernel/clock.ts'
import { refuse } from '#kernel/problem.ts'
import { KEY_ENCRYPTION_KEY_BYTES } from '#signer/node-signer.ts'
import type { Environment } from './paths.ts'

/** Holds the key instead of the file, for machines that keep secrets elsewhere. */
export const KEY_VARIABLE = 'CREDCTL_KEY_ENCRYPTION_KEY'

/** Reads the key that seals the private keys: from the environment, else from its 0600 file. */
export function readKeyEncryptionKey(file: string, env: Environment): Uint8Array {
  const given = env[KEY_VARIABLE]
  if (given !== undefined && given !== '') return decoded(given, `the variable ${KEY_VARIABLE}`)
  let text: string
  try {
    refuseLooseMode(file)
    text = readFileSync(file, 'utf8')
  } catch (failure) {
    return locked(failure, file)
  }
  return decoded(text, file)
}

/** Makes the file where it is missing. Never overwrites: that would lock every key away for good. */
export function ensureKeyEncryptionKey(file: string, env: Environment, entropy: Entropy): void {
  const given = env[KEY_VARIABLE]
  if (given !== undefined && given !== '') {
    decoded(given, `the variable ${KEY_VARIABLE}`)
    return
  }
  if (existsSync(file)) {
    readKeyEncryptionKey(file, env)
    return
  }
  const text = `${encodeBase64url(entropy.bytes(KEY_ENCRYPTION_KEY_BYTES))}\n`
  const draft = `${file}.${encodeBase64url(entropy.bytes(6))}`
  try {
    writeNew(draft, text)
    // Under its name it is whole from the first instant: cut short here, `init` can be run again.
    name(draft, file, text)
  } catch (failure) {
    const { code = 'error' } = failure as NodeJS.ErrnoException
    if (code !== 'EEXIST') refuseUnwritable(file, code)
    // Somebody else has made one meanwhile, and that is the one.
    readKeyEncryptionKey(file, env)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Some file systems know no second name for a file; there it is written in its place. */
function name(draft: string, file: string, text: string): void {
  try {
    linkSync(draft, file)
  } catch (failure) {
    const { code = '' } = failure as NodeJS.ErrnoException
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw failure
    writeNew(file, text)
  }
}

function writeNew(file: string, text: string): void {
  const handle = openSync(file, 'wx', 0o600)
  try {
    writeSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

const refuseUnwritable = (file: string, code: string): never =>
  refuse('store-denied', `the key-encryption key ${file} cannot be written (${code})`, {
    next: `name another folder with --data-dir, or give the key in ${KEY_VARIABLE}`,
    facts: { file },
  })

function refuseLooseMode(file: string): void {
  if (process.platform === 'win32') return
  const mode = statSync(file).mode & 0o777
  if ((mode & 0o077) === 0) return
  refuse('key-locked', `${file} can be read by others (mode ${mode.toString(8)})`, {
    next: `chmod 600 ${file}, and think about who may have read it`,
    facts: { file },
  })
}

function decoded(text: string, where: string): Uint8Array {
  const bytes = decodeBase64url(text.trim())
  if (bytes?.length === KEY_ENCRYPTION_KEY_BYTES) return bytes
  return refuse('key-locked', `${where} does not hold 32 bytes in base64url`, {
    next: 'bring back the key that belongs to this database; a new one cannot open its signing keys',
  })
}

function locked(failure: unknown, file: string): never {
  if (failure instanceof Error && failure.name === 'Problem') throw failure
  const { code } = failure as NodeJS.ErrnoException
  return refuse(
    'key-locked',
    `the key-encryption key ${file} cannot be read (${code ?? 'error'})`,
    {
      next: `bring the file back, or give the key in ${KEY_VARIABLE}`,
      facts: { file },
    },
  )
}
