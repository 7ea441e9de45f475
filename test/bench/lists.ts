import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { count, median, rateAtLeast, type Row, type Suite } from './harness.ts'
import { addCredentials, openSeeded } from './seed.ts'

const bin = join(import.meta.dirname, '..', '..', 'bin', 'credctl.js')
const MEGABYTES_MAX = 120

/** A list of a million rows, as a script would read it: the whole process, its speed and memory. */
export const lists: Suite = {
  name: 'lists',
  async run({ isQuick }) {
    const rows = isQuick ? 100_000 : 1_000_000
    const folder = mkdtempSync(join(tmpdir(), 'credctl-bench-'))
    try {
      const seeded = await openSeeded(join(folder, 'data'))
      await addCredentials(seeded, rows)
      await seeded.close()
      const results: Row[] = []
      for (const format of ['jsonl', 'csv']) {
        const runs = Array.from({ length: isQuick ? 2 : 3 }, () => listOnce(folder, format, rows))
        const ms = median(runs.map((run) => run.ms))
        const megabytes = Math.max(...runs.map((run) => run.megabytes))
        results.push(
          rateAtLeast(
            `token list of ${count(rows)} rows as ${format}`,
            { label: 'whole process', perSecond: (rows * 1000) / ms },
            150_000,
          ),
          {
            name: `its memory, ${format}`,
            figure: `${Math.round(megabytes)} MB`,
            ours: 'largest resident set',
            peer: '',
            measured: megabytes,
            target: `≤ ${MEGABYTES_MAX} MB`,
            isReached: megabytes <= MEGABYTES_MAX,
          },
        )
      }
      return results
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

/** The process tells its own peak at its end; nothing outside it is as exact. */
const PEAK =
  'data:text/javascript,import{writeFileSync}from"node:fs";' +
  'process.on("exit",()=>writeFileSync(process.env.PEAK_FILE,String(process.resourceUsage().maxRSS)))'

function listOnce(
  folder: string,
  format: string,
  rows: number,
): { readonly ms: number; readonly megabytes: number } {
  const peak = join(folder, 'peak')
  const begun = performance.now()
  const { status, stdout, stderr } = spawnSync(
    'sh',
    ['-c', `"$0" --import '${PEAK}' "$1" token list -o ${format} | wc -l`, process.execPath, bin],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        PEAK_FILE: peak,
        CREDCTL_DATA_DIR: join(folder, 'data'),
        CREDCTL_CONFIG_DIR: join(folder, 'config'),
      },
    },
  )
  const ms = performance.now() - begun
  const lines = Number(stdout.trim())
  const expected = format === 'csv' ? rows + 1 : rows
  if (status !== 0 || lines !== expected) throw new Error(`${lines} of ${expected}: ${stderr}`)
  return { ms, megabytes: Number(readFileSync(peak, 'utf8')) / 1024 }
}
