import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atMost, interleaved, node, rateAtLeast, type Suite } from './harness.ts'

const bin = join(import.meta.dirname, '..', '..', 'bin', 'credctl.js')
const TOKENS = 10_000

/** Whole processes, as a person or a script starts them, against a bare Node that does nothing. */
export const start: Suite = {
  name: 'start',
  async run({ isQuick }) {
    const folder = mkdtempSync(join(tmpdir(), 'credctl-bench-'))
    const env = {
      CREDCTL_DATA_DIR: join(folder, 'data'),
      CREDCTL_CONFIG_DIR: join(folder, 'config'),
      XDG_CACHE_HOME: join(folder, 'cache'),
    }
    const credctl = (args: readonly string[], input?: string): string =>
      node({ args: [bin, ...args], env, ...(input === undefined ? {} : { input }) })
    try {
      credctl(['init'])
      credctl(['client', 'create', 'bench', '--scope', 'deploy:prod'])
      const issue = ['token', 'issue', '--client', 'bench', '--scope', 'deploy:prod']
      const token = credctl([...issue, '-o', 'token'])
      const many = [...issue, '--count', String(TOKENS), '-o', 'jsonl']
      const times = await interleaved(isQuick ? 7 : 21, {
        node: () => node({ args: ['-e', '0'] }),
        version: () => credctl(['--version']),
        inspect: () => credctl(['token', 'inspect', '-'], token),
        issue: () => credctl([...issue, '-o', 'json']),
      })
      const bulk = await interleaved(isQuick ? 2 : 5, { many: () => credctl(many) })
      const bare = { label: 'node -e 0', ms: times.node }
      return [
        atMost('credctl --version', [{ label: 'whole process', ms: times.version }, bare], 1.5),
        atMost('token inspect', [{ label: 'whole process', ms: times.inspect }, bare], 1.5),
        atMost('token issue', [{ label: 'whole process', ms: times.issue }, bare], 3),
        rateAtLeast(
          `token issue --count ${TOKENS}`,
          { label: 'whole process, durable', perSecond: (TOKENS * 1000) / bulk.many },
          8000,
        ),
      ]
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
