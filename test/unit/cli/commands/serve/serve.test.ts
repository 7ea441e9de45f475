import { describe, expect, it } from 'vitest'
import type { Local, ServeOptions } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'
import { check, type Row, runCli } from '../../harness.ts'

const ready = { url: 'http://127.0.0.1:7421', issuer: 'https://auth.example.com', pid: 42 }

/** Serves as the composition root does: says that it is ready, and ends when it is told to. */
const local: Partial<Local> = { serve: (_, onReady) => onReady(ready) }

describe('serve', () => {
  it.for<Row>([
    {
      argv: 'serve',
      local,
      status: 0,
      out: 'credctl serves https://auth.example.com at http://127.0.0.1:7421 (pid 42)\n',
    },
    { argv: 'serve -o json', local, status: 0, out: `${JSON.stringify(ready)}\n` },
    { argv: 'serve -q', local, status: 0, out: 'http://127.0.0.1:7421\n' },
    {
      argv: 'serve --listen 0.0.0.0:80',
      local: { serve: async () => refuse('listen-refused', '0.0.0.0 is not loopback') },
      status: 2,
      err: /0\.0\.0\.0 is not loopback \[listen-refused\]/,
    },
    {
      argv: 'serve',
      local: { serve: async () => refuse('authority-serving', 'another serves this authority') },
      status: 8,
      err: /\[authority-serving\]/,
    },
    { argv: 'serve', status: 1, err: /\[authority-missing\]/ },
  ])('$argv → $status', (row) => check(row))

  it('hands on what was asked for', async () => {
    const asked: ServeOptions[] = []
    const recording: Partial<Local> = {
      async serve(options, onReady) {
        asked.push(options)
        await onReady(ready)
      },
    }
    await runCli({ argv: 'serve', local: recording })
    await runCli({
      argv: 'serve --listen [::1]:0 --tls-cert c.pem --tls-key k.pem --behind-proxy --confirm-clock',
      local: recording,
    })
    const none = { listen: undefined, tlsCert: undefined, tlsKey: undefined }
    expect(asked).toEqual([
      { ...none, behindProxy: false, confirmClock: false },
      {
        listen: '[::1]:0',
        tlsCert: 'c.pem',
        tlsKey: 'k.pem',
        behindProxy: true,
        confirmClock: true,
      },
    ])
  })
})
