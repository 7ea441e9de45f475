import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from './planted.ts'

/** The launcher beside a bundle of two lines, in a folder of its own: what is tested is how it starts. */
let home: string

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'credctl-start-'))
  await mkdir(join(home, 'package', 'bin'), { recursive: true })
  await mkdir(join(home, 'package', 'dist'))
  await writeFile(join(home, 'package', 'package.json'), '{ "type": "module" }')
  await copyFile(join(root, 'bin', 'credctl.js'), launcher())
  await writeFile(
    join(home, 'package', 'dist', 'cli.js'),
    'export const main = async (argv) => (console.log(JSON.stringify(argv)), 3)',
  )
})

afterEach(() => rm(home, { recursive: true, force: true }))

const launcher = () => join(home, 'package', 'bin', 'credctl.js')
const cacheOf = (caches: string) => join(caches, 'credctl', 'compile-cache')
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

interface Outcome {
  readonly status: number
  readonly out: string
  readonly err: string
}

function start(
  args: readonly string[],
  {
    env = {},
    flags = [],
    path = launcher(),
  }: { env?: NodeJS.ProcessEnv; flags?: string[]; path?: string } = {},
): Promise<Outcome> {
  const { PATH } = process.env
  return new Promise((resolve, reject) => {
    const options = { env: { PATH, HOME: home, ...env } }
    execFile(process.execPath, [...flags, path, ...args], options, (error, out, err) => {
      if (error !== null && typeof error.code !== 'number') reject(error)
      else resolve({ status: Number(error?.code ?? 0), out, err })
    })
  })
}

/** A Node that takes itself for another. */
const posingAs = (version: string) => {
  const lie = (name: string, value: string) =>
    `Object.defineProperty(process, '${name}', { value: ${value} })`
  const script = `${lie('version', `'v${version}'`)};${lie('versions', `{ node: '${version}' }`)}`
  return ['--import', `data:text/javascript,${encodeURIComponent(script)}`]
}

describe('the launcher', () => {
  it('hands on its arguments and takes the exit status', async () => {
    expect(await start(['token', 'issue', '--', '-x'])).toEqual({
      status: 3,
      out: '["token","issue","--","-x"]\n',
      err: '',
    })
  })

  it('starts through a symbolic link', async () => {
    const path = join(home, 'credctl')
    await symlink(launcher(), path)
    expect(await start(['a'], { path })).toEqual({ status: 3, out: '["a"]\n', err: '' })
  })

  it.for(['20.20.2', '22.22.0', '24.14.9', '25.9.0'])(
    'refuses Node %s in one line',
    async (version) => {
      const { status, out, err } = await start(['--version'], { flags: posingAs(version) })
      expect([status, out]).toEqual([1, ''])
      expect(err).toMatch(/^[^\n]+\n$/)
      expect(err).toContain(`this is v${version}`)
      expect(err).toContain('npx credctl')
    },
  )

  it.for(['24.15.0', '24.21.0', '26.0.0', '27.1.0'])('accepts Node %s', async (version) => {
    expect((await start([], { flags: posingAs(version) })).status).toBe(3)
  })

  it('says what to run when nothing is built', async () => {
    await rm(join(home, 'package', 'dist'), { recursive: true })
    expect(await start([])).toEqual({
      status: 1,
      out: '',
      err: 'credctl is not built yet: dist/cli.js is missing. Run `npm run build`.\n',
    })
  })

  it('does not take a missing package for a missing build', async () => {
    await writeFile(join(home, 'package', 'dist', 'cli.js'), `import 'not-installed'`)
    const { status, err } = await start([])
    expect(status).toBe(1)
    expect(err).toContain('not-installed')
    expect(err).not.toContain('npm run build')
  })
})

describe('the compile cache', () => {
  it('lies under the home of the user, open to nobody else', async () => {
    expect((await start([])).status).toBe(3)
    const { mode } = await stat(cacheOf(join(home, '.cache')))
    expect(mode & 0o777).toBe(0o700)
  })

  it('follows XDG_CACHE_HOME, unless that is relative', async () => {
    await mkdir(join(home, 'xdg'))
    await start([], { env: { XDG_CACHE_HOME: join(home, 'xdg') } })
    expect(await exists(cacheOf(join(home, 'xdg')))).toBe(true)
    expect(await exists(join(home, '.cache'))).toBe(false)
    await start([], { env: { XDG_CACHE_HOME: 'relative' } })
    expect(await exists(cacheOf(join(home, '.cache')))).toBe(true)
  })

  it('is left alone where NODE_DISABLE_COMPILE_CACHE says so', async () => {
    await start([], { env: { NODE_DISABLE_COMPILE_CACHE: '1' } })
    expect(await exists(join(home, '.cache'))).toBe(false)
  })

  it('is not used where others may write to it', async () => {
    const cache = cacheOf(join(home, '.cache'))
    await mkdir(cache, { recursive: true })
    await chmod(cache, 0o777)
    const report = `export const main = async () => (console.log(String(process.getBuiltinModule('module').getCompileCacheDir())), 0)`
    await writeFile(join(home, 'package', 'dist', 'cli.js'), report)
    expect((await start([])).out).toBe('undefined\n')
    await chmod(cache, 0o700)
    expect((await start([])).out).toContain(cache)
  })

  it.for(['/dev/null', '/nonexistent'])('is done without when HOME is %s', async (HOME) => {
    expect(await start([], { env: { HOME } })).toEqual({ status: 3, out: '[]\n', err: '' })
  })
})
