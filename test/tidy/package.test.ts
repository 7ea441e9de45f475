import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { external } from '../../rolldown.config.ts'
import { root } from './planted.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
const manifest = JSON.parse(read('package.json')) as Required<Manifest>
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Manifest> }

const isExternal = (name: string) => external.some((pattern) => pattern.test(name))

describe('the package', () => {
  it('pins every version exactly', () => {
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      ([, version]) => !/^(?:npm:[a-z-]+@)?\d+\.\d+\.\d+$/.test(version),
    )
    expect(loose).toEqual([])
  })

  it('depends on what the bundle leaves outside, and on nothing that is inside', () => {
    expect(Object.keys(manifest.dependencies).filter((name) => !isExternal(name))).toEqual([])
    expect(Object.keys(manifest.devDependencies).filter(isExternal)).toEqual([])
  })

  it('carries the notices of what is bundled', () => {
    const notices = read('dist/THIRD_PARTY_LICENSES.txt')
    expect(notices).toMatch(/^commander \d+\.\d+\.\d+ \(MIT\)$/m)
    expect(notices).not.toContain('undefined')
  })
})

describe('the lock file', () => {
  it('holds the native parts of every platform, or `npm ci` fails on the others', () => {
    const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          lock.packages[`${path}/node_modules/${name}`] === undefined &&
          lock.packages[`node_modules/${name}`] === undefined,
      ),
    )
    expect(missing).toEqual([])
  })
})
