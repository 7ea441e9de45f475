import { describe, expect, it } from 'vitest'
import type { AuditEntry } from '#cli/commands/shapes.ts'
import { fromNow } from '../../harness.ts'
import { type CliWorld, cliWorld, type WorldRow } from '../../world.ts'

async function withPast(): Promise<CliWorld> {
  const it = await cliWorld()
  await it.world.admin.createClient({ id: 'bot', scopes: ['read'] })
  it.world.clock.advance(3_600_000)
  await it.run('token issue --client bot --scope write')
  await it.run('token issue --client bot --justification why')
  return it
}

const actions = async (it: CliWorld, flags: string): Promise<string[]> => {
  const { items } = (await it.json(`audit list ${flags}`)) as { items: AuditEntry[] }
  return items.map(({ action, outcome }) => `${action} ${outcome}`)
}

describe('audit list', () => {
  it('prints entries whole, the newest first', async () => {
    const { json } = await withPast()
    const page = (await json('audit list --limit 1')) as { items: AuditEntry[] }
    expect(page).toEqual({
      items: [
        {
          id: expect.stringMatching(/^aud_/),
          at: fromNow(3600),
          actor: 'local:tester',
          action: 'credential.issue',
          target: expect.stringMatching(/^credential:cred_/),
          outcome: 'ok',
          requestId: expect.stringMatching(/^req_/),
          origin: { transport: 'embedded' },
          justification: 'why',
          policyVersion: 1,
          detail: expect.objectContaining({ count: 1, clientId: 'bot' }),
        },
      ],
      nextCursor: expect.any(String),
    })
  })

  it.for<[string, string[]]>([
    ['--action credential.issue', ['credential.issue ok', 'credential.issue scope-refused']],
    ['--outcome scope-refused', ['credential.issue scope-refused']],
    ['--target client:bot --outcome ok', ['client.create ok']],
    ['--before 30m', ['client.create ok', 'authority.init ok']],
    ['--after 30m --action client.create', []],
    ['--actor nobody', []],
    ['--request-id req_none', []],
  ])('%s', async ([flags, expected]) => {
    expect(await actions(await withPast(), flags)).toEqual(expected)
  })

  it.for<WorldRow>([
    {
      argv: 'audit list --action client.create',
      status: 0,
      out: [
        'AT       ACTOR         ACTION         TARGET      OUTCOME  JUSTIFICATION',
        '60m ago  local:tester  client.create  client:bot  ok       -',
        '',
      ].join('\n'),
    },
    {
      argv: 'audit list --actor nobody',
      status: 0,
      out: '',
      err: 'There are no such audit entries.\n',
    },
    { argv: 'audit list --after yesterday', status: 2, err: /--after/ },
    {
      argv: 'audit list --action client.create -o wide --fields target,origin.transport',
      status: 0,
      out: /client:bot +embedded/,
    },
  ])('$argv → $status', async (row) => (await withPast()).check(row))
})
