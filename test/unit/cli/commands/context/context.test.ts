import { describe, expect, it } from 'vitest'
import { check, type Row, runCli, type Scene } from '../../harness.ts'

const prod = { name: 'prod', server: 'https://auth.example.com' }
const lab = { name: 'lab', dataDir: '/srv/lab' }
const both: Partial<Scene> = { contexts: [prod, lab], currentContext: 'lab' }
const json = (value: unknown): string => `${JSON.stringify(value)}\n`

describe('context add', () => {
  it.for<Row>([
    {
      argv: 'context add prod --server https://auth.example.com',
      status: 0,
      out: [
        'Added context prod.',
        '',
        'Name         prod',
        'In use       no',
        'Server       https://auth.example.com',
        'Data folder  -',
        '',
      ].join('\n'),
      err: 'to use it: credctl context use prod\n',
    },
    {
      argv: 'context add prod --server https://auth.example.com --ca-cert /etc/ca.pem --use -o json',
      status: 0,
      out: json({ ...prod, caCert: '/etc/ca.pem', current: true }),
    },
    {
      argv: 'context add lab --data-dir /srv/lab -o json',
      status: 0,
      out: json({ ...lab, current: false }),
    },
    { argv: 'context add lab --data-dir /srv/lab', ...both, status: 8, err: /\[context-exists\]/ },
    { argv: 'context add x', status: 2, err: /either --server or --data-dir/ },
    {
      argv: 'context add x --server https://a.example --data-dir /srv',
      status: 2,
      err: /either --server or --data-dir/,
    },
    { argv: 'context add x --data-dir lab', status: 2, err: /absolute path/ },
    { argv: 'context add x --server https://a --ca-cert ca.pem', status: 2, err: /absolute path/ },
    { argv: 'context add x --data-dir /a --ca-cert /b', status: 2, err: /--ca-cert is for/ },
    { argv: 'context add x --server ftp://a.example', status: 2, err: /http or https URL/ },
    { argv: 'context add x --server a.example', status: 2, err: /http or https URL/ },
    { argv: 'context add x --server https://a.example?k=v', status: 2, err: /without query/ },
    {
      argv: 'context add x --server https://joe:hunter2@a.example',
      status: 2,
      err: /^(?!.*hunter2).*contexts hold no secrets/,
    },
    { argv: 'context add ../x --server https://a.example', status: 2, err: /NAME: it holds/ },
    { argv: 'context add --server https://a.example', status: 2, err: /NAME is missing/ },
    { argv: 'context add x --context y', status: 2, err: /--context has no place here/ },
  ])('$argv → $status', (row) => check(row))
})

describe('context list, show, use and remove', () => {
  it.for<Row>([
    {
      argv: 'context list',
      ...both,
      status: 0,
      out: [
        'NAME  IN USE  SERVER                    DATA FOLDER',
        'prod  no      https://auth.example.com  -',
        'lab   yes     -                         /srv/lab',
        '',
      ].join('\n'),
    },
    {
      argv: 'context list -o json',
      ...both,
      status: 0,
      out: json({
        items: [
          { ...prod, current: false },
          { ...lab, current: true },
        ],
        nextCursor: null,
      }),
    },
    { argv: 'context list', status: 0, err: /credctl context add NAME --server URL/ },
    { argv: 'context show', ...both, status: 0, out: /Name +lab/ },
    {
      argv: 'context show -q',
      ...both,
      env: { CREDCTL_CONTEXT: 'prod' },
      status: 0,
      out: 'prod\n',
    },
    { argv: 'context show -q --context prod', ...both, status: 0, out: 'prod\n' },
    {
      argv: 'context show prod -o json',
      ...both,
      status: 0,
      out: json({ ...prod, current: false }),
    },
    { argv: 'context show none', ...both, status: 3, err: /\[context-unknown\]/ },
    { argv: 'context show', status: 3, err: /no context is in use/ },
    {
      argv: 'context use prod -o json',
      ...both,
      status: 0,
      out: json({ ...prod, current: true }),
    },
    { argv: 'context use prod', ...both, status: 0, out: /^Context prod is in use\.\n/ },
    {
      argv: 'context use prod -q',
      ...both,
      env: { CREDCTL_SERVER: 'https://x.example' },
      status: 0,
      out: 'prod\n',
      err: /CREDCTL_SERVER is set in the environment and overrules/,
    },
    { argv: 'context use none', ...both, status: 3, err: /\[context-unknown\]/ },
    {
      argv: 'context use -q',
      ...both,
      tty: true,
      answers: [{ to: 'select', answer: 'prod' }],
      status: 0,
      out: 'prod\n',
    },
    { argv: 'context use', tty: true, status: 2, err: /no contexts to choose from/ },
    {
      argv: 'context remove lab -o json',
      ...both,
      status: 0,
      out: json({ ...lab, current: false }),
    },
    {
      argv: 'context remove lab',
      ...both,
      status: 0,
      out: /^Forgot context lab\.\n/,
      err: /no context is in use now/,
    },
    { argv: 'context remove none', ...both, status: 3, err: /\[context-unknown\]/ },
  ])('$argv → $status', (row) => check(row))

  it('asks no authority', async () => {
    const ran = await runCli({ argv: 'context add x --server https://a.example --use' })
    expect(ran.targets).toEqual([])
  })
})
