import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  ensureKeyEncryptionKey,
  KEY_VARIABLE,
  readKeyEncryptionKey,
} from '#boot/key-encryption-key.ts'
import { systemEntropy } from '#boot/system.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { Problem } from '#kernel/problem.ts'
import { newFolder } from './data-folder.ts'

const KEY = new Uint8Array(32).map((_, i) => i)
const file = (): string => join(newFolder(), 'key-encryption.key')
const make = (path: string, env = {}) => ensureKeyEncryptionKey(path, env, systemEntropy)

function problemOf(work: () => unknown): Problem {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown
    throw thrown
  }
  throw new Error('it was not refused')
}

describe('the key-encryption key', () => {
  it('is made once, readable by its owner alone, and never written over', () => {
    const path = file()
    make(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const text = readFileSync(path, 'utf8')
    expect(text).toMatch(/^[\w-]{43}\n$/)
    make(path)
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(encodeBase64url(readKeyEncryptionKey(path, {}))).toBe(text.trim())
    expect(readdirSync(join(path, '..'))).toEqual(['key-encryption.key'])
  })

  it('is the environment’s where that holds one, and then no file is made', () => {
    const path = file()
    const env = { [KEY_VARIABLE]: ` ${encodeBase64url(KEY)}\n` }
    make(path, env)
    expect(readdirSync(join(path, '..'))).toEqual([])
    expect(readKeyEncryptionKey(path, env)).toEqual(KEY)
    make(path, { [KEY_VARIABLE]: '' })
    expect(readKeyEncryptionKey(path, { [KEY_VARIABLE]: '' })).not.toEqual(KEY)
  })

  it.for([
    ['short', encodeBase64url(KEY.subarray(1))],
    ['long', encodeBase64url(new Uint8Array(33))],
    ['hexadecimal', '00'.repeat(32)],
    ['padded', `${encodeBase64url(KEY)}=`],
    ['empty', ''],
  ])('that is %s is refused, and not shown', ([, text = '']) => {
    const path = file()
    writeFileSync(path, text, { mode: 0o600 })
    for (const work of [() => readKeyEncryptionKey(path, {}), () => make(path)]) {
      const problem = problemOf(work)
      expect(problem.code).toBe('key-locked')
      expect(problem.message).toContain(path)
      expect(text !== '' && JSON.stringify([problem.message, problem.facts]).includes(text)).toBe(
        false,
      )
    }
    expect(readFileSync(path, 'utf8')).toBe(text)
    const env = { [KEY_VARIABLE]: text === '' ? 'x' : text }
    expect(problemOf(() => readKeyEncryptionKey(file(), env)).message).toContain(KEY_VARIABLE)
  })

  it.for([0o640, 0o604, 0o644, 0o660])('that others can read (mode %i) is refused', (mode) => {
    const path = file()
    make(path)
    chmodSync(path, mode)
    expect(problemOf(() => readKeyEncryptionKey(path, {})).message).toContain(
      `(mode ${mode.toString(8)})`,
    )
  })

  it('that is missing, or no file, is refused; and one that cannot be made', () => {
    const path = file()
    expect(problemOf(() => readKeyEncryptionKey(path, {}))).toMatchObject({ code: 'key-locked' })
    expect(problemOf(() => make(join(path, 'below')))).toMatchObject({ code: 'store-denied' })
    mkdirSync(path, { mode: 0o700 })
    expect(problemOf(() => readKeyEncryptionKey(path, {})).message).toMatch(/EISDIR/)
  })
})
