import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { clientDeclarations } from '#boot/client/declarations.ts'
import { root } from './planted.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** What a resource server loads; most of it is the deciding part, and names and lines stay. */
const VERIFIER_BYTES_MAX = 200_000
const VERIFIER_GZIP_BYTES_MAX = 60_000

describe('the verifier’s bundle', () => {
  const bundle = read('dist/verifier.js')

  it('is small', () => {
    expect(bundle.length).toBeLessThan(VERIFIER_BYTES_MAX)
    expect(gzipSync(bundle).length).toBeLessThan(VERIFIER_GZIP_BYTES_MAX)
  })

  it('is one file that needs nothing but Node', () => {
    const loaded = bundle.matchAll(
      /^(?:import|export)\b[^"'\n]*["']([^"'\n]+)["']|(?:\bimport|\brequire|getBuiltinModule)\(["']([^"'\n]+)["']/gm,
    )
    const names = [...loaded].map(([, one, other]) => one ?? other ?? '')
    expect(names).toContain('node:https')
    expect(names.filter((name) => !isBuiltin(name))).toEqual([])
  })

  it.for(['fastify', 'undici', 'ZodType', 'DatabaseSync', 'commander'])('holds no %s', (name) => {
    expect(bundle).not.toContain(name)
  })
})

describe('the libraries', () => {
  it('give what their types say', async () => {
    const { exports } = JSON.parse(read('package.json')) as { exports: object }
    expect(Object.keys(exports)).toEqual(['./verifier', './client', './package.json'])
    const given = {
      verifier: await import('credctl/verifier'),
      client: await import('credctl/client'),
    }
    for (const [name, library] of Object.entries(given)) {
      const types = read(`dist/${name}.d.ts`)
      const told = types.matchAll(/^export declare (?:function|class|const) (\w+)/gm)
      expect(new Set(Object.keys(library))).toEqual(new Set([...told].map(([, one]) => one)))
    }
  })

  it.for(['verifier', 'client'])('%s has types that need nothing and hide nothing', (name) => {
    const types = read(`dist/${name}.d.ts`)
    expect(types).not.toMatch(/[:<|&(=]\s*any\b|^import\b|\bfrom '/m)
  })

  it('have the types that were written', () => {
    expect(read('dist/verifier.d.ts')).toBe(read('src/boot/verifier/types.ts'))
  })
})

/** Runs the compiler on files in a folder of their own, and answers with what it complains of. */
async function compile(
  files: Readonly<Record<string, string>>,
  options: object = {},
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'credctl-types-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules', 'credctl'))
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2022'],
    types: [],
    module: 'nodenext',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    ...options,
  }
  const project = { compilerOptions, files: Object.keys(files) }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(project))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  return new Promise((resolve) => {
    execFile(tsc, ['-p', folder], { cwd: folder }, (_, out, err) => resolve(out + err))
  })
}

const consumer = `
import { createVerifier, type Decision } from 'credctl/verifier'
import { connect, Problem } from 'credctl/client'

const verifier = await createVerifier({
  issuer: 'https://auth.example.com',
  audience: 'https://api.example.com',
  url: ['https://a.example.com', 'https://b.example.com'],
  mode: 'strict',
})
const decision: Decision = await verifier.verify('token', { scopes: ['read'] })
if (decision.verdict === 'accepted') {
  const client: string = decision.claims.client_id
  const stop = verifier.onRevoked(decision, (end) => end.verdict)
  stop()
} else if (decision.verdict === 'stale') {
  const seconds: number = decision.retryAfterSeconds
  // @ts-expect-error -- there is no such cause
  decision.cause === 'weather'
}
// @ts-expect-error -- there is no such verdict
decision.verdict === 'acceptd'
// @ts-expect-error -- there is no such mode
void createVerifier({ issuer: 'x', audience: 'y', mode: 'lax' })
// @ts-expect-error -- an audience is needed
void createVerifier({ issuer: 'x' })
// @ts-expect-error -- a list is meant
void verifier.verify('token', { scopes: 'read' })
// @ts-expect-error -- what is accepted did not end
verifier.onRevoked('token', (end) => end.verdict === 'accepted')
await verifier[Symbol.asyncDispose]()

const admin = connect({ url: 'https://auth.example.com' })
const { items } = await admin.listCredentials({ clientId: 'bot' })
const id: string | undefined = items[0]?.id
// @ts-expect-error -- there is no such tier
await admin.createClient({ id: 'x', tier: 'medium', scopes: ['a'] })
// @ts-expect-error -- there is no such operation
await admin.destroyEverything({})
const code = (fault: unknown) => fault instanceof Problem && fault.code
`

describe('a user’s compiler', () => {
  it('takes the types as they are, without the platform’s', async () => {
    expect(await compile({ 'consumer.ts': consumer })).toBe('')
  })

  it('takes them beside those of a browser, and knows its Request and Response', async () => {
    const text = `
      import { createVerifier } from 'credctl/verifier'
      export const verifier = await createVerifier({
        issuer: 'https://auth.example.com',
        audience: 'https://api.example.com',
        signal: AbortSignal.timeout(1000),
      })
      export async function handle(request: Request): Promise<Response> {
        const guarded = await verifier.guard(request, { scopes: ['read'] })
        if (guarded instanceof Response) return guarded
        return new Response(guarded.claims.sub)
      }`
    expect(await compile({ 'fetch.ts': text }, { lib: ['es2022', 'dom'] })).toBe('')
  })

  it('takes the middleware for a server of Node’s', async () => {
    const text = `
      import { createServer } from 'node:http'
      import { createVerifier } from 'credctl/verifier'
      const verifier = await createVerifier({ issuer: 'x', audience: 'y' })
      const guard = verifier.middleware({ scopes: ['read'], maxAgeSeconds: 60 })
      createServer((request, response) => {
        guard(request, response, () => response.end('served'))
        response.on('close', verifier.onRevoked('token', () => response.destroy()))
      })`
    const types = { types: ['node'], typeRoots: [join(root, 'node_modules', '@types')] }
    expect(await compile({ 'server.ts': text }, { ...types, skipLibCheck: true })).toBe('')
  })

  it('finds the client’s types to be those of the contract, in both directions', async () => {
    const text = `
      import type { Admin as Written } from './client.d.ts'
      import type { Admin } from '#contract/admin-api.ts'
      declare const ours: Admin
      declare const written: Written
      export const one: Written = ours
      type Deep<T> = T extends readonly (infer U)[] ? readonly Deep<U>[]
        : T extends object ? { readonly [K in keyof T]: Deep<T[K]> } : T
      type Replies<A> = {
        [K in keyof A]: A[K] extends (input: never) => Promise<infer R> ? Deep<R> : never
      }
      export const replies = (given: Replies<Written>): Replies<Admin> => given
      export const names: keyof Admin = null! as keyof Written`
    const complaints = await compile(
      { 'client.d.ts': clientDeclarations(), 'both.ts': text },
      {
        lib: ['esnext'],
        target: 'esnext',
        types: ['node'],
        typeRoots: [join(root, 'node_modules', '@types')],
        allowImportingTsExtensions: true,
        skipLibCheck: true,
        exactOptionalPropertyTypes: false,
        paths: {
          '#*': [join(root, 'src', '*')],
          zod: [join(root, 'node_modules', 'zod')],
        },
      },
    )
    expect(complaints).toBe('')
  })
})
