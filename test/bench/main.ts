/**
 * Measures; never asserts. `npm run bench -- --quick` for a first look, `--only NAME` for one suite,
 * `--json FILE` and `--markdown FILE` to keep the figures. Ratios within one run are what counts: the
 * same machine gives other milliseconds a minute later.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { Row } from './harness.ts'
import { deciding } from './deciding.ts'
import { issuing } from './issuing.ts'
import { lists } from './lists.ts'
import { revoking } from './revoking.ts'
import { simulating } from './simulating.ts'
import { fanout } from './fanout.ts'
import { start } from './start.ts'
import { verifying } from './verifying.ts'

const suites = [start, issuing, verifying, deciding, revoking, fanout, lists, simulating]

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
  },
})

const rows: (Row & { suite: string })[] = []
for (const suite of suites) {
  if (values.only !== undefined && values.only !== suite.name) continue
  process.stderr.write(`${suite.name} …\n`)
  for (const row of await suite.run({ isQuick: values.quick })) {
    rows.push({ suite: suite.name, ...row })
  }
}

const facts = {
  commit: commit(),
  node: process.version,
  sqlite: process.versions['sqlite'] ?? '',
  cores: cpus().length,
  platform: `${process.platform} ${process.arch}`,
  quick: values.quick,
  at: new Date().toISOString(),
}

const cells = [
  ['what', 'measured', 'target', 'reached', 'ours', 'held against'],
  ...rows.map(({ name, figure, target, isReached, ours, peer }) => [
    name,
    figure,
    target,
    isReached ? 'yes' : 'NO',
    ours,
    peer,
  ]),
]
const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
const line = (row: readonly string[]): string =>
  row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')
process.stdout.write(`${cells.map(line).join('\n').replaceAll(/ +$/gm, '')}\n`)
process.stdout.write(
  `\n${Object.entries(facts)
    .map((pair) => pair.join(' '))
    .join(' · ')}\n`,
)

if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ facts, rows }, null, 2)}\n`)
}
if (values.markdown !== undefined) writeFileSync(values.markdown, markdown())

function markdown(): string {
  const [head = [], ...body] = cells
  const row = (one: readonly string[]): string => `| ${one.join(' | ')} |`
  return [
    row(head),
    row(head.map(() => '---')),
    ...body.map(row),
    '',
    `Node ${facts.node}, SQLite ${facts.sqlite}, ${facts.cores} cores, ${facts.platform}, commit ${facts.commit}, ${facts.at}.`,
    '',
  ].join('\n')
}

function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname }).trim()
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}
