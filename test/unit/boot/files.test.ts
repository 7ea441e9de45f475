import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemFiles } from '#boot/files.ts'
import { refusalOf } from '../world.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'credctl-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a private file', () => {
  it('is its owner’s alone from the beginning, and takes what is appended', async () => {
    const path = join(folder, 'token')
    const file = await systemFiles.claimPrivate(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await file.append('one\n')
    await file.append('two\n')
    await file.close()
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n')
  })

  it('never takes the place of another', async () => {
    const path = join(folder, 'token')
    writeFileSync(path, 'mine')
    const problem = await refusalOf(systemFiles.claimPrivate(path))
    expect([problem.code, problem.facts]).toEqual(['request-invalid', { path }])
    expect(problem.message).toContain('exists already')
    expect(readFileSync(path, 'utf8')).toBe('mine')
  })

  it('is gone when it is discarded', async () => {
    const path = join(folder, 'token')
    await (await systemFiles.claimPrivate(path)).discard()
    expect(existsSync(path)).toBe(false)
  })

  it('is refused where there is no such folder', async () => {
    const problem = await refusalOf(systemFiles.claimPrivate(join(folder, 'none', 'token')))
    expect(problem.message).toContain('ENOENT')
  })
})

describe('a file that is there', () => {
  it('takes what is appended behind what it holds, and keeps that when it is discarded', async () => {
    const path = join(folder, 'outputs')
    writeFileSync(path, 'one\n')
    const file = await systemFiles.openAtEnd(path)
    await file.append('two\n')
    await file.close()
    await (await systemFiles.openAtEnd(path)).discard()
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n')
  })

  it('is not made where it is not', async () => {
    const path = join(folder, 'outputs')
    const problem = await refusalOf(systemFiles.openAtEnd(path))
    expect([problem.code, problem.facts]).toEqual(['request-invalid', { path }])
    expect(existsSync(path)).toBe(false)
  })
})

describe('a file that is read', () => {
  it('comes whole, also where it tells no size', async () => {
    const path = join(folder, 'ids')
    const text = 'cred_ü\n'.repeat(100_000)
    writeFileSync(path, text)
    expect(await systemFiles.readText(path)).toBe(text)
    expect(await systemFiles.readText('/dev/null')).toBe('')
  })

  it('is given up where it never ends', async () => {
    const problem = await refusalOf(systemFiles.readText('/dev/zero'))
    expect([problem.code, problem.message]).toEqual([
      'request-invalid',
      '/dev/zero is too large: more than 64 MiB',
    ])
  })
})

describe('a public key in PEM', () => {
  it.for([
    ['EC', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey],
    ['OKP', generateKeyPairSync('ed25519').publicKey],
  ] as const)('is read as a JWK of type %s', async ([kty, key]) => {
    const pem = String(key.export({ type: 'spki', format: 'pem' }))
    const jwk = await systemFiles.publicJwk(pem)
    expect(jwk).toEqual(key.export({ format: 'jwk' }))
    expect(jwk['kty']).toBe(kty)
  })

  it.for(['', 'hello', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'])(
    'is refused when it is %j',
    async (pem) => {
      expect((await refusalOf(systemFiles.publicJwk(pem))).code).toBe('request-invalid')
    },
  )
})
