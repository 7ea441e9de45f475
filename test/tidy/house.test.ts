import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { house } from '../../oxlint.config.ts'
import { root } from './planted.ts'

/** What is committed or about to be; none outside a checkout, where nobody can commit anything. */
const files = existsSync(join(root, '.git'))
  ? execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
    })
      .split('\0')
      .filter((path) => path !== '' && existsSync(join(root, path)))
  : []

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const sources = files.filter((path) => /^(?:src|test|bin)\/.*\.[jt]s$|^[^/]+\.ts$/.test(path))

describe('the rooms', () => {
  it('are those of the law, and boot', () => {
    const rooms = readdirSync(join(root, 'src'), { withFileTypes: true })
    const known = new Set([...Object.keys(house), 'boot'])
    expect(rooms.filter((entry) => entry.isDirectory() && !known.has(entry.name))).toEqual([])
    const loose = rooms.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)
    expect(loose.filter((name) => name !== 'README.md')).toEqual([])
  })

  it('stand on the architecture page as they do in the law', ({ skip }) => {
    skip(!existsSync(join(root, 'src', 'README.md')), 'src/README.md is still to be written')
    expect(roomTable(read('src/README.md'))).toEqual(house)
  })

  it('are read off a table as they are written there', () => {
    const page = [
      '| Room | May use | For |',
      '| --- | --- | --- |',
      '| `kernel/` | | words |',
      '| `store/` | `#kernel`, `pg` | rows |',
      '| `boot/` | everything | the world |',
      '| `other` | `x` | not a room |',
    ]
    expect(roomTable(page.join('\n'))).toEqual({ kernel: [], store: ['#kernel', 'pg'] })
  })
})

/** `| \`room/\` | \`#a\`, \`b\` | … |`, without boot, which the law leaves out because it is free. */
function roomTable(page: string): Record<string, string[]> {
  const rows = page.matchAll(/^\|\s*`([a-z-]+)\/`\s*\|([^|]*)\|/gm)
  return Object.fromEntries(
    [...rows]
      .map(
        ([, room = '', uses = '']) =>
          [room, [...uses.matchAll(/`([^`]+)`/g)].map(([, use = '']) => use)] as const,
      )
      .filter(([room]) => room !== 'boot'),
  )
}

describe('the top level', () => {
  const settled = new Set(
    [
      'package.json package-lock.json tsconfig.json bin src test completions man README.md',
      'oxlint.config.ts vitest.config.ts rolldown.config.ts knip.json',
      'LICENSE CHANGELOG.md SECURITY.md CONTRIBUTING.md docs examples',
    ].flatMap((line) => line.split(' ')),
  )

  it('holds what is settled and dot files, nothing else', () => {
    const top = new Set(files.map((path) => path.split('/')[0] ?? ''))
    expect([...top].filter((name) => !name.startsWith('.') && !settled.has(name))).toEqual([])
  })
})

describe('every source file', () => {
  /** The law reads the path of a dynamic import only where that is a plain string. */
  const unreadable = /\bimport\s*\((?!\s*['"][^'"]*['"]\s*[,)])/
  const withoutComments = (text: string) => text.replaceAll(/\/\*[^]*?\*\/|(?<!:)\/\/.*/g, '')

  it.for([
    ['import(`#store/port.ts`)', true],
    ['import(`#${room}/port.ts`)', true],
    ['import(path)', true],
    ["import('#store/' + path)", true],
    ["await import('#store/port.ts')", false],
    ["import('#package.json', { with: { type: 'json' } })", false],
    ['import( "#store/port.ts" , )', false],
  ] as const)('%s is unreadable to the law: %s', ([text, expected]) => {
    expect(unreadable.test(text)).toBe(expected)
  })

  it('imports by plain strings only', () => {
    const ours = sources.filter((path) => path.startsWith('src/'))
    expect(ours.filter((path) => unreadable.test(withoutComments(read(path))))).toEqual([])
  })

  it('gives a reason wherever it switches a check off', () => {
    const silent = sources.flatMap((path) =>
      read(path)
        .split('\n')
        .filter((line) => /\/[/*]\s*(?:ox|es)lint-disable/.test(line) && !/ -- \S/.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    )
    expect(silent).toEqual([])
  })

  it('never silences the type checker for a whole line without expecting an error', () => {
    const marks = ['ignore', 'nocheck'].map((word) => `@ts-${word}`)
    expect(sources.filter((path) => marks.some((mark) => read(path).includes(mark)))).toEqual([])
  })
})

describe('every committed file', () => {
  // Put together here, so that this file does not name them either.
  const places = [
    ['..', 'shared'],
    ['', 'work', 'main'],
    ['', 'work', 'shared'],
  ].map((parts) => parts.join('/'))

  it('is at home on any machine', () => {
    const bound = files
      .filter((path) => path !== '.ci/run')
      .filter((path) => places.some((place) => read(path).includes(place)))
    expect(bound).toEqual([])
  })
})

describe('the changelog', () => {
  const headings = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']

  it('keeps to the six headings, under a version each', ({ skip }) => {
    skip(!existsSync(join(root, 'CHANGELOG.md')), 'CHANGELOG.md is still to be written')
    const lines = read('CHANGELOG.md').split('\n')
    expect(lines[0]).toBe('# Changelog')
    const versions = lines.filter((line) => line.startsWith('## '))
    expect(versions).not.toEqual([])
    const odd = versions.filter(
      (line) => !/^## (?:\[?Unreleased\]?|\[?\d+\.\d+\.\d+\]? - \d{4}-\d{2}-\d{2})$/.test(line),
    )
    expect(odd).toEqual([])
    const kinds = lines.filter((line) => line.startsWith('### ')).map((line) => line.slice(4))
    expect(kinds).not.toEqual([])
    expect(kinds.filter((kind) => !headings.includes(kind))).toEqual([])
  })
})
