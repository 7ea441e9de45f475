import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '#domain/policy/policy.ts'
import { follow } from '../../follower.ts'
import { idOf, type Stage, stage } from '../revoke/stage.ts'

const PLAN = 'revocation plan --client deploy-bot --reason privilege-withdrawn'
const PLAN_FULL = `${PLAN} --reach tokens --message Ask. --grace 5s --expires 2h --incident inc_1 --except-subject alice`

const planOf = async (on: Stage, argv = PLAN): Promise<string> => {
  const ran = await on.run(`${argv} -o json`)
  expect(ran).toMatchObject({ status: 0, err: '' })
  return ran.out
}

const edited = (plan: string, change: object): string =>
  JSON.stringify({ ...(JSON.parse(plan) as object), ...change })

describe('plan', () => {
  it('prints what --dry-run prints, and records nothing', async () => {
    const on = await stage()
    const dry = await on.run(`${PLAN_FULL.replace('revocation plan', 'revoke')} --dry-run -o json`)
    expect(await planOf(on, PLAN_FULL)).toBe(dry.out)
    expect((await on.world.admin.listRevocations({})).items).toEqual([])
  })

  it.for([
    [
      PLAN,
      0,
      /^Would revoke 2 credentials: client:deploy-bot \(privilege-withdrawn\)\n {2}by client {3}deploy-bot 2\n/,
      /^$/,
    ],
    [
      `${PLAN} --no-count`,
      0,
      /^Would revoke whatever matches \(not counted\): client:deploy-bot/,
      /^$/,
    ],
    [`${PLAN} -q`, 0, /^[0-9a-f]{64}\n$/, /^$/],
    [`${PLAN} -o name`, 0, /^plan\/[0-9a-f]{64}\n$/, /^$/],
    [`${PLAN} -o csv --fields phrase,matched.credentials`, 0, /\nclient:deploy-bot,2\n$/, /^$/],
    [
      'revocation plan --client nobody --reason testing',
      3,
      /^Would revoke 0/,
      /\[nothing-matched\]/,
    ],
    ['revocation plan --reason testing', 2, /^$/, /\[selector-empty\]/],
    ['revocation plan --client deploy-bot', 2, /^$/, /--reason is missing/],
    [`${PLAN} --yes`, 2, /^$/, /there is no --yes/],
  ] as const)('%s → %i', async ([argv, status, out, err]) => {
    const on = await stage()
    const ran = await on.run(argv)
    expect({ status: ran.status, out: ran.out, err: ran.err }).toEqual({
      status,
      out: expect.stringMatching(out),
      err: expect.stringMatching(err),
    })
  })
})

describe('apply', () => {
  it('does what the plan says, and prints what revoke prints', async () => {
    const on = await stage()
    const plan = await planOf(on, PLAN_FULL)
    const ran = await on.run('revocation apply plan.json -y -o json', {
      files: { 'plan.json': plan },
    })
    expect(ran.status).toBe(0)
    const { selector, exceptions, matched } = JSON.parse(plan) as Record<string, unknown>
    expect(JSON.parse(ran.out)).toEqual({
      revocation: expect.objectContaining({
        selector,
        exceptions,
        matched,
        reach: 'tokens',
        reason: 'privilege-withdrawn',
        message: 'Ask.',
        graceSeconds: 5,
        expiresAt: '2026-11-23T21:08:00.000Z',
        blocks: false,
        final: false,
        incidentId: 'inc_1',
      }),
      items: [{ target: 'client:deploy-bot', result: 'revoked' }],
    })
  })

  it.for([
    'revocation plan --client reader --reason compromise --block --final',
    'revocation plan --client reader --reason compromise --no-block',
    'revocation plan --tag run=7 --reason testing',
    "revocation plan --scope 'deploy:*' --issued-after 1h --reason testing",
    'revocation plan --all --except-client reader --reason testing',
    'revocation plan --client deploy-bot --reason testing --no-count',
  ])('a plan of %s fits its own hash', async (argv) => {
    const on = await stage()
    const plan = await planOf(on, argv)
    const { phrase, blocks, final } = JSON.parse(plan) as Record<string, string>
    const files = { 'plan.json': plan }
    const ran = await on.run(
      ['revocation', 'apply', 'plan.json', '--confirm', phrase ?? '', '-o', 'json'],
      {
        files,
      },
    )
    expect(ran.status).toBe(0)
    expect(JSON.parse(ran.out)).toMatchObject({ revocation: { blocks, final } })
  })

  it('of a key fits too', async () => {
    const on = await stage()
    const { keyId } = await on.world.admin.showAuthority({})
    const plan = await planOf(on, `revocation plan --key ${keyId} --reason compromise`)
    const ran = await on.run('revocation apply - -y', { stdin: plan })
    expect(ran.status).toBe(0)
    expect(ran.out).toMatch(/^Revoked key key_\w+ and 3 credentials/)
  })

  it('asks as revoke does, by the authority’s word and not the file’s', async () => {
    const revocation = { ...defaultPolicy.revocation, confirmAbove: 1 }
    const on = await stage({ policy: { ...defaultPolicy, revocation } })
    const plan = edited(await planOf(on), { phrase: 'please', severe: false, warnings: [] })
    const files = { 'plan.json': plan }
    const apply = 'revocation apply plan.json'
    expect(await on.run(apply, { files })).toMatchObject({
      status: 2,
      err: expect.stringContaining('neither --yes nor --confirm'),
    })
    expect(await on.run(`${apply} -y`, { files })).toMatchObject({
      status: 2,
      err: expect.stringContaining('--yes is not enough'),
    })
    expect(await on.run(`${apply} --confirm please`, { files })).toMatchObject({ status: 2 })
    expect((await on.world.admin.listRevocations({})).items).toEqual([])
    const asked = await on.run(apply, {
      files,
      tty: true,
      answers: [{ to: 'input', about: /Type client:deploy-bot/, answer: 'client:deploy-bot' }],
    })
    expect(asked.status).toBe(0)
    expect(asked.err).toContain('Would revoke 2 credentials')
  })

  it('asks y or N of a moderate one', async () => {
    const on = await stage()
    const files = { 'plan.json': await planOf(on) }
    const no = await on.run('revocation apply plan.json', {
      files,
      tty: true,
      answers: [{ to: 'confirm', about: /Revoke 2 credentials\?/, answer: false }],
    })
    expect(no.status).toBe(1)
    expect((await on.world.admin.listRevocations({})).items).toEqual([])
  })

  it('takes what came meanwhile as long as it fits, and tells it', async () => {
    const on = await stage()
    await on.world.admin.issueTokens({ clientId: 'deploy-bot', count: 18 })
    const files = { 'plan.json': await planOf(on) }
    await on.world.admin.issueTokens({ clientId: 'deploy-bot', count: 2 })
    const ran = await on.run('revocation apply plan.json -y', { files })
    expect(ran.status).toBe(0)
    expect(ran.out).toMatch(
      /^Revoked 22 credentials .*\n2 credentials of these came after the plan\.\n/,
    )
  })

  it('that would hit something new is drift, and says all that is new', async () => {
    const on = await stage()
    const { admin } = on.world
    const files = {
      'plan.json': await planOf(on, "revocation plan --scope 'deploy:*' --reason testing"),
    }
    await admin.createClient({
      id: 'other',
      scopes: ['deploy:eu'],
      audiences: ['https://eu.example'],
    })
    await admin.issueTokens({ clientId: 'other' })
    const ran = await on.run('revocation apply plan.json -y -o json', { files })
    expect(ran).toMatchObject({ status: 8, out: '' })
    expect(JSON.parse(ran.err)).toMatchObject({
      code: 'plan-drift',
      detail: 'it would hit client other, not in the plan',
      facts: {
        planned: 2,
        credentials: 3,
        newClients: ['other'],
        newScopes: ['deploy:eu'],
        newAudiences: ['https://eu.example'],
      },
    })
    expect((await admin.listRevocations({})).items).toEqual([])
  })

  it('that would hit a tenth more is drift', async () => {
    const on = await stage()
    const files = { 'plan.json': await planOf(on) }
    await on.world.admin.issueTokens({ clientId: 'deploy-bot' })
    const ran = await on.run('revocation apply plan.json -y', { files })
    expect(ran.status).toBe(8)
    expect(ran.err).toMatch(/3 credentials, and the plan had 2 \[plan-drift\]/)
  })

  it('that drifts while it is asked about is refused by the authority', async () => {
    const on = await stage()
    const { admin } = on.world
    const files = { 'plan.json': await planOf(on) }
    const late = {
      ...admin,
      revoke: async (input: Parameters<typeof admin.revoke>[0]) => {
        await admin.issueTokens({ clientId: 'deploy-bot' })
        return await admin.revoke(input)
      },
    }
    const ran = await on.run('revocation apply plan.json -y', { files, admin: late })
    expect(ran.status).toBe(8)
    expect((await admin.listRevocations({})).items).toEqual([])
  })

  it.for([
    [{ selector: { clients: ['reader'] } }, 8, /it was changed after it was made/],
    [{ reach: 'tokens' }, 8, /it was changed/],
    [{ blocks: true }, 8, /it was changed/],
    [{ graceSeconds: 5 }, 8, /it was changed/],
    [{ final: true }, 8, /it was changed/],
    [{ exceptions: { clients: ['reader'] } }, 8, /it was changed/],
    [{ hash: '0'.repeat(64) }, 8, /it was changed/],
    [{ hash: '0'.repeat(64), policyVersion: 0 }, 8, /made under policy 0, and this is policy 1/],
    [
      { matched: { credentials: 2, byClient: {}, byScope: {}, byAudience: {} } },
      8,
      /not in the plan/,
    ],
    [{ hash: 1 }, 2, /plan\.json is no plan: it has no hash \[request-invalid\]/],
    [{ hash: undefined, selector: null }, 2, /it has no hash, selector/],
    [{ selector: [] }, 2, /it has no selector/],
    [{ matched: 3 }, 2, /matched holds no counts/],
    [{ matched: { credentials: 1 } }, 2, /matched holds no counts/],
    [{ matched: { credentials: 'x', byClient: {}, byScope: {}, byAudience: {} } }, 2, /no counts/],
    [{ reason: 'hunger' }, 2, /\[request-invalid\]/],
    [{ selector: { towns: ['x'] } }, 2, /\[request-invalid\]/],
  ] as const)('changed by hand: %o → %i', async ([change, status, err]) => {
    const on = await stage()
    const files = { 'plan.json': edited(await planOf(on), change) }
    const ran = await on.run('revocation apply plan.json -y', { files })
    expect(ran.status).toBe(status)
    expect(ran.err).toMatch(err)
    expect((await on.world.admin.listRevocations({})).items).toEqual([])
  })

  it.for(['', 'Would revoke 2 credentials', '[]', '"x"', 'null', '{'])(
    '%o is no plan',
    async (stdin) => {
      const on = await stage()
      const ran = await on.run('revocation apply - -y', { stdin })
      expect(ran.status).toBe(2)
      expect(ran.err).toMatch(
        /stdin is no plan: .*\[request-invalid\]\n {2}next: credctl revocation plan .* -o json > plan\.json/,
      )
    },
  )

  it('of what was revoked meanwhile finds nothing left to do', async () => {
    const on = await stage()
    const files = { 'plan.json': await planOf(on) }
    await on.run('revocation apply plan.json -y', { files })
    const again = await on.run('revocation apply plan.json -y', { files })
    expect(again.status).toBe(0)
    expect(again.out).toMatch(
      /^Nothing was left to revoke: rev_\w+ \(privilege-withdrawn\) did it before/,
    )
  })

  it('waits for the proof where it is told to', async () => {
    const on = await stage()
    const api = await follow(on.world, { name: 'api-1' })
    const files = { 'plan.json': await planOf(on) }
    const late = await on.run('revocation apply plan.json -y --wait enforced --timeout 1s', {
      files,
    })
    expect(late.status).toBe(7)
    await api.acknowledge()
    const ran = await on.run(
      'revocation apply plan.json -y --wait enforced --certificate c -o json',
      {
        files,
      },
    )
    expect(ran.status).toBe(0)
    const { certificate } = JSON.parse(ran.out) as { certificate: string }
    expect(ran.written.get('c')).toBe(`${certificate}\n`)
    expect(idOf(on, 0)).not.toBe('')
  })

  it.for([
    ['revocation apply', 2, /FILE is missing/],
    ['revocation apply plan.json', 2, /\[confirmation-required\]/],
    ['revocation apply plan.json -y', 2, /plan\.json cannot be read/],
    ['revocation apply plan.json -y --certificate c', 2, /--certificate needs --wait enforced/],
  ] as const)('%s → %i', async ([argv, status, err]) => {
    const on = await stage()
    const ran = await on.run(argv)
    expect(ran.status).toBe(status)
    expect(ran.err).toMatch(err)
    expect(ran.targets).toEqual([])
  })
})
