import { describe, it } from 'vitest'
import type { Local } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'
import { check, type Row } from '../../harness.ts'

const DATA_DIR = '/var/lib/credctl'

/** What the composition root does, without its disk. */
const local: Partial<Local> = {
  dataDir: DATA_DIR,
  init: async ({ issuer = 'http://127.0.0.1:7420' }) =>
    issuer.startsWith('http')
      ? { issuer, dataDir: DATA_DIR, keyId: 'key_1' }
      : refuse('usage-invalid', 'an issuer is an http or https URL'),
}
const existing: Partial<Local> = {
  dataDir: DATA_DIR,
  init: async () =>
    refuse('authority-exists', `${DATA_DIR} holds the authority http://127.0.0.1:7420 already`, {
      next: 'use it as it is, or name another folder with --data-dir',
    }),
}

describe('init', () => {
  it.for<Row>([
    {
      argv: 'init -o json',
      local,
      status: 0,
      out: '{"issuer":"http://127.0.0.1:7420","dataDir":"/var/lib/credctl","keyId":"key_1"}\n',
    },
    {
      argv: 'init --issuer https://auth.example.com -o json',
      local,
      status: 0,
      out: '{"issuer":"https://auth.example.com","dataDir":"/var/lib/credctl","keyId":"key_1"}\n',
    },
    {
      argv: 'init',
      local,
      status: 0,
      out: [
        'Made the authority http://127.0.0.1:7420.',
        '',
        'Issuer       http://127.0.0.1:7420',
        'Data folder  /var/lib/credctl',
        'Signing key  key_1',
        '',
      ].join('\n'),
      err: [
        'next: credctl client create deploy-bot --scope deploy:prod',
        'then: credctl token issue --client deploy-bot --scope deploy:prod --ttl 10m',
        '',
      ].join('\n'),
    },
    { argv: 'init -q', local, status: 0, out: 'http://127.0.0.1:7420\n' },
    { argv: 'init --issuer ftp://x', local, status: 2, err: /\[usage-invalid\]/ },
    { argv: 'init --issuer', local, status: 2, err: /--issuer/ },
    { argv: 'init extra', local, status: 2, err: /credctl/ },
    {
      argv: 'init',
      local: existing,
      status: 8,
      err: /holds the authority.*\[authority-exists\]\n {2}next: use it as it is/,
    },
  ])('$argv → $status', (row) => check(row))
})
