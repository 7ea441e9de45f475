import fs from 'node:fs'
import type { Files, PrivateFile } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'

/** A key, a secret or a list of ids; what is larger is the wrong file. */
const FILE_BYTES_MAX = 64 * 1024 * 1024

export const systemFiles: Files = {
  async readText(path) {
    try {
      return await readBounded(path)
    } catch (failure) {
      return refuseFile(path, 'read', failure)
    }
  },
  claimPrivate: (path) => opened(path, 'wx', () => fs.promises.unlink(path)),
  openAtEnd: (path) => opened(path, APPEND_ONLY, async () => undefined),
  async publicJwk(pem) {
    const { createPublicKey } = await import('node:crypto')
    try {
      return { ...createPublicKey(pem).export({ format: 'jwk' }) }
    } catch {
      return refuse('request-invalid', 'that is no public key in PEM', {
        next: 'give a PUBLIC KEY or a CERTIFICATE in PEM, or the key as a JWK in JSON (RFC 7517)',
      })
    }
  },
}

/** Never made: a name that is not there is a slip, and whatever came of it would be read by nobody. */
const APPEND_ONLY = fs.constants.O_WRONLY | fs.constants.O_APPEND

async function opened(
  path: string,
  flags: 'wx' | number,
  onDiscard: () => Promise<void>,
): Promise<PrivateFile> {
  try {
    const handle = await fs.promises.open(path, flags, 0o600)
    return {
      append: async (text) => {
        try {
          await handle.appendFile(text)
        } catch (failure) {
          refuseFile(path, 'written', failure)
        }
      },
      close: () => handle.close(),
      discard: async () => {
        await handle.close()
        await onDiscard()
      },
    }
  } catch (failure) {
    return refuseFile(path, 'written', failure)
  }
}

const CHUNK_BYTES = 256 * 1024

/** Stops where it is too much: a device such as /dev/zero never ends, and tells no size. */
async function readBounded(path: string): Promise<string> {
  const handle = await fs.promises.open(path, 'r')
  try {
    const chunks: Buffer[] = []
    for (let total = 0; ;) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(CHUNK_BYTES))
      if (bytesRead === 0) return Buffer.concat(chunks).toString('utf8')
      total += bytesRead
      if (FILE_BYTES_MAX < total) {
        refuse('request-invalid', `${path} is too large: more than ${FILE_BYTES_MAX >> 20} MiB`, {
          next: 'name the file that is meant',
        })
      }
      chunks.push(buffer.subarray(0, bytesRead))
    }
  } finally {
    await handle.close()
  }
}

function refuseFile(path: string, deed: 'read' | 'written', failure: unknown): never {
  if (failure instanceof Error && failure.name === 'Problem') throw failure
  const { code = 'error' } = failure as NodeJS.ErrnoException
  const why = code === 'EEXIST' ? 'it exists already, and is never written over' : code
  return refuse('request-invalid', `${path} cannot be ${deed}: ${why}`, {
    next:
      code === 'EEXIST' ? 'name a file that does not exist' : 'check the path and its permissions',
    facts: { path },
  })
}
