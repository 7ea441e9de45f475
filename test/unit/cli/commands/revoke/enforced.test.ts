import { describe, expect, it } from 'vitest'
import { type Follower, follow } from '../../follower.ts'
import type { Scene } from '../../harness.ts'
import { type Stage, stage } from './stage.ts'

interface Watching extends Stage {
  readonly api: Follower
  /** Runs with a clock at which something happens after so many sleeps, and then after others. */
  readonly runWhile: (
    argv: string,
    deeds?: Readonly<Record<number, () => Promise<unknown>>>,
    scene?: Omit<Scene, 'argv'>,
  ) => ReturnType<Stage['run']>
}

/** The stage, with verifiers that hold leases for the audience of `deploy-bot`. */
async function watching(...names: readonly string[]): Promise<Watching> {
  const on = await stage()
  const api = await follow(on.world, { name: 'api-1', mode: 'strict' })
  for (const name of names) await follow(on.world, { name, mode: 'strict' })
  return {
    ...on,
    api,
    runWhile: (argv, deeds = {}, scene = {}) => {
      let slept = 0
      const { clock } = on.world
      return on.run(argv, {
        ...scene,
        clock: {
          now: () => clock.now(),
          async sleep(ms) {
            slept += 1
            await clock.sleep(ms)
            await deeds[slept]?.()
          },
        },
      })
    },
  }
}

const revoke = 'revoke --client deploy-bot --reason testing -y'
const enforced = `${revoke} --wait enforced`

describe('--wait enforced', () => {
  it('ends when the last verifier has said so, with a certificate, exit 0', async () => {
    const on = await watching()
    const ran = await on.runWhile(`${enforced} -o json`, { 2: on.api.acknowledge })
    expect(ran).toMatchObject({ status: 0, err: '' })
    const result = JSON.parse(ran.out) as Record<string, never>
    expect(Object.keys(result)).toEqual(['revocation', 'items', 'enforcement', 'certificate'])
    expect(result).toMatchObject({
      revocation: { state: 'enforced', enforcedAt: expect.any(String) },
      enforcement: {
        state: 'enforced',
        verifiers: { total: 1, acknowledged: 1, lapsed: 0, waiting: 0 },
      },
      certificate: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    })
  })

  it('tells a person how far it came, how soon, and how to undo it', async () => {
    const on = await watching()
    const ran = await on.runWhile(enforced, { 2: on.api.acknowledge })
    expect(ran.status).toBe(0)
    expect(ran.out).toMatch(
      /^Revoked 2 credentials of deploy-bot \(testing\)\.\nEnforced \d+ ms after publication: 1 of 1 verifier acknowledged \(p50 \d+ ms, p99 \d+ ms\)\.\n/,
    )
    expect(ran.out).toMatch(/\nState +enforced\n/)
    expect(ran.err).toMatch(/^published: rev_\w+; Ctrl-C ends only the waiting\nto undo it: /)
    expect(ran.err).not.toContain('to see it enforced')
  })

  it('counts a lease that has run out, and names whose it was', async () => {
    const on = await watching('api-2')
    const ran = await on.runWhile(enforced, { 1: on.api.acknowledge })
    expect(ran.status).toBe(0)
    expect(ran.out).toMatch(
      /\nEnforced 10\.\d s after publication: 1 of 2 verifiers acknowledged .*; 1 decided no more, its lease being over\.\n/,
    )
    expect(ran.out).toMatch(/\nSTRAGGLER +LEASE .*\napi-2 +over /)
  })

  it('says in a log how it stands every few seconds, and not more often', async () => {
    const on = await watching()
    const ran = await on.runWhile(enforced)
    const lines = ran.err.split('\n').filter((line) => line.startsWith('enforced on'))
    expect(lines).toEqual([
      'enforced on 0 of 1 verifier · certain by 19:08:11Z (in 5 s) · waiting for api-1',
    ])
  })

  it('rewrites one line on a terminal, as wide as that is, and removes it', async () => {
    const on = await watching()
    const err = async (columns: number): Promise<string> =>
      (await on.runWhile(enforced, { 2: on.api.acknowledge }, { tty: ['err'], columns })).err
    const drawn = await err(200)
    expect(drawn).toContain(
      '\renforced on 0 of 1 verifier · certain by 19:08:11Z (in 11 s) · waiting for api-1\u001b[K',
    )
    expect(drawn).toContain('\r\u001b[K')
    await on.world.admin.issueTokens({ clientId: 'deploy-bot' })
    const lines = (await err(60)).split('\r').filter((line) => line.startsWith('enforced on'))
    expect(lines).not.toEqual([])
    for (const line of lines) expect(line.replace('\u001b[K', '').length).toBeLessThan(60)
  })

  it('that is not confirmed in time is exit 7, with who is missing and what to run next', async () => {
    const on = await watching('api-2')
    const ran = await on.runWhile(`${enforced} --timeout 3s`, { 1: on.api.acknowledge })
    expect(ran.status).toBe(7)
    expect(ran.out).toMatch(
      /\nEnforced on 1 of 2 verifiers \(p50 .*\); waiting for api-2\.\nEnforcement is certain by 2026-11-23T19:08:10\.\d{3}Z \(in 8 s\), whatever happens\.\n/,
    )
    expect(ran.out).toMatch(/\napi-2 +held +in 7s/)
    expect(ran.err).toMatch(
      /rev_\w+ is recorded at position \d+, and its enforcement is certain by 2026-11-23T19:08:10\.\d{3}Z; 1 of 2 verifiers may still decide without it: api-2 \[not-confirmed\]\n {2}next: credctl revocation wait rev_\w+ --timeout 9s\n$/,
    )
  })

  it('puts that into the facts of the error as JSON has it', async () => {
    const on = await watching()
    const ran = await on.runWhile(`${enforced} --timeout 3s -o json`)
    expect(ran.status).toBe(7)
    const { enforcement } = JSON.parse(ran.out) as { enforcement: { certainBy: string } }
    expect(JSON.parse(ran.err)).toMatchObject({
      code: 'not-confirmed',
      facts: {
        revocationId: expect.stringMatching(/^rev_/),
        state: 'published',
        certainBy: enforcement.certainBy,
        stragglers: ['api-1'],
        unproven: [],
      },
    })
  })

  it('does not wait for an audience that stays unproven beyond the time, but names it', async () => {
    const on = await watching()
    const ran = await on.runWhile('revoke --client reader --reason testing -y --wait enforced')
    expect(ran.status).toBe(7)
    expect(on.world.clock.now() - on.world.deps.clock.now()).toBe(0)
    expect(ran.err).not.toContain('certain by 1')
    expect(ran.err).toMatch(/no verifier of https:\/\/api\.example follows the feed/)
    expect(ran.out).toMatch(/\nUnproven for https:\/\/api\.example until 2026-\S+: no verifier/)
    expect(ran.out).toMatch(/\nAUDIENCE +STATE .*\nhttps:\/\/api\.example +unproven /)
  })

  it('waits for it where its instant is within the time', async () => {
    const on = await watching()
    const ran = await on.runWhile(
      'revoke --client reader --reason testing -y --wait enforced --timeout 2h -o json',
    )
    expect(ran.status).toBe(0)
    expect(JSON.parse(ran.out)).toMatchObject({ enforcement: { state: 'enforced' } })
  })

  it('says that it was lifted meanwhile', async () => {
    const on = await watching()
    const lift = async (): Promise<void> => {
      const [revocation] = (await on.world.admin.listRevocations({})).items
      await on.world.admin.liftRevocation({ id: revocation?.id ?? '' })
    }
    const ran = await on.runWhile(enforced, { 1: lift })
    expect(ran.status).toBe(8)
    expect(ran.out).toContain('It was lifted: nothing is to be enforced any more.\n')
    expect(ran.out).toMatch(/\nState +lifted\n/)
    expect(ran.err).toMatch(/rev_\w+ was lifted, so it will not be enforced \[revocation-lifted\]/)
  })

  it('ends with Ctrl-C, which changes nothing, exit 130', async () => {
    const on = await watching()
    let interrupt = (): void => undefined
    let left = 0
    const ran = await on.runWhile(
      enforced,
      { 2: async () => interrupt() },
      {
        onInterrupt: (listener) => {
          interrupt = listener
          return () => (left += 1)
        },
      },
    )
    expect(ran.status).toBe(130)
    expect(left).toBe(1)
    expect(ran.out).toMatch(/^Revoked 2 credentials/)
    expect(ran.err).toMatch(
      /only the waiting ended; rev_\w+ stays as it is \[interrupted\]\n {2}next: credctl revocation wait rev_\w+\n$/,
    )
    expect((await on.world.admin.listRevocations({})).items[0]?.state).toBe('published')
  })

  it('goes on while the authority is busy, and says what ended it where nobody answers any more', async () => {
    const on = await watching()
    const { admin } = on.world
    const { Problem } = await import('#kernel/problem.ts')
    let asked = 0
    const flaky = {
      ...admin,
      showEnforcement: async (input: { id: string }) => {
        asked += 1
        if (asked < 3) throw new Problem('store-busy', 'busy')
        return admin.showEnforcement(input)
      },
    }
    const fine = await on.runWhile(enforced, { 4: on.api.acknowledge }, { admin: flaky })
    expect(on.world.faults).toEqual([])
    expect(fine.status).toBe(0)
    await admin.issueTokens({ clientId: 'deploy-bot' })
    const gone = {
      ...admin,
      showEnforcement: async () => {
        throw new Problem('authority-unreachable', 'nobody answers')
      },
    }
    const lost = await on.runWhile(enforced, {}, { admin: gone })
    expect(lost.status).toBe(75)
    expect(lost.out).toMatch(/^Revoked 1 credential of deploy-bot/)
    await admin.issueTokens({ clientId: 'deploy-bot' })
    const refused = {
      ...admin,
      showEnforcement: async () => {
        throw new Problem('scope-insufficient', 'no')
      },
    }
    const denied = await on.runWhile(enforced, {}, { admin: refused })
    expect(denied.status).toBe(5)
    expect(denied.out).toMatch(/^Revoked 1 credential of deploy-bot/)
  })

  it('of what was enforced before is done at once', async () => {
    const on = await watching()
    await on.runWhile(enforced, { 1: on.api.acknowledge })
    const again = await on.runWhile(`${enforced} -o json`)
    expect(again.status).toBe(0)
    expect(JSON.parse(again.out)).toMatchObject({ certificate: expect.any(String) })
  })
})

describe('--certificate', () => {
  it('is written into a new file', async () => {
    const on = await watching()
    const ran = await on.runWhile(`${enforced} --certificate proof.jws`, { 1: on.api.acknowledge })
    expect(ran.status).toBe(0)
    expect(ran.written.get('proof.jws')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    expect(ran.out).toContain('The certificate is in proof.jws.\n')
  })

  it('leaves no file where there is none', async () => {
    const on = await watching()
    const late = await on.runWhile(`${enforced} --timeout 1s --certificate proof.jws`)
    expect(late.status).toBe(7)
    expect([...late.written]).toEqual([])
    const refused = await on.runWhile(
      'revoke --client nobody --reason testing -y --wait enforced --certificate proof.jws',
    )
    expect(refused.status).toBe(3)
    expect([...refused.written]).toEqual([])
  })

  it('never goes over a file, and is refused before anything is done', async () => {
    const on = await watching()
    const ran = await on.runWhile(
      `${enforced} --certificate proof.jws`,
      {},
      {
        files: { 'proof.jws': '' },
      },
    )
    expect(ran.status).toBe(2)
    expect((await on.world.admin.listRevocations({})).items).toEqual([])
    const alone = await on.runWhile(`${revoke} --certificate proof.jws`)
    expect(alone.status).toBe(2)
    expect(alone.err).toMatch(/--certificate needs --wait enforced/)
    expect(alone.targets).toEqual([])
  })
})

describe('without --wait', () => {
  it('a terminal is shown the enforcement, which decides nothing', async () => {
    const on = await watching()
    const ran = await on.runWhile(`${revoke} --timeout 2s`, {}, { tty: true })
    expect(ran.status).toBe(0)
    expect(ran.err).toContain('waiting for api-1')
    expect(ran.out).toMatch(/\nEnforced on 0 of 1 verifier; waiting for api-1\.\n/)
    expect(ran.err).toMatch(/\nto see it enforced: credctl revocation wait rev_\w+\n/)
  })

  it('Ctrl-C ends that with exit 0: it was published, and nobody asked for more', async () => {
    const on = await watching()
    let interrupt = (): void => undefined
    const ran = await on.runWhile(
      revoke,
      { 1: async () => interrupt() },
      {
        tty: true,
        onInterrupt: (listener) => {
          interrupt = listener
          return () => undefined
        },
      },
    )
    expect(ran.status).toBe(0)
    expect(ran.err).toMatch(/\nto see it enforced: credctl revocation wait rev_\w+\n/)
  })

  it.for([
    [`${revoke} -o json`, { tty: true }],
    [`${revoke} -q`, { tty: true }],
    [`${revoke} --wait published`, { tty: true }],
    [`${revoke} --no-input`, { tty: true }],
    [revoke, {}],
  ] as const)('%s %o ends when it is published', async ([argv, scene]) => {
    const on = await watching()
    const before = on.world.clock.now()
    const ran = await on.runWhile(argv, {}, scene)
    expect(ran.status).toBe(0)
    expect(on.world.clock.now()).toBe(before)
    expect(ran.out).not.toContain('waiting')
  })

  it('what was revoked before is not watched anew', async () => {
    const on = await watching()
    await on.runWhile(revoke)
    const before = on.world.clock.now()
    const ran = await on.runWhile(revoke, {}, { tty: true })
    expect(ran.status).toBe(0)
    expect(on.world.clock.now()).toBe(before)
  })
})

describe('what comes between plan and revocation', () => {
  it('is told where it was not looked at, and refused where it is new to who looked', async () => {
    const on = await watching()
    const { admin } = on.world
    const late = {
      ...admin,
      revoke: async (input: Parameters<typeof admin.revoke>[0]) => {
        await admin.issueTokens({ clientId: 'deploy-bot' })
        return await admin.revoke(input)
      },
    }
    const told = await on.run(`${revoke} -o json`, { admin: late })
    expect(told.status).toBe(0)
    expect(JSON.parse(told.out)).toMatchObject({
      mintedMeanwhile: 1,
      revocation: { matched: { credentials: 3 } },
    })
    await admin.issueTokens({ clientId: 'deploy-bot' })
    const spoken = await on.run(revoke, { admin: late })
    expect(spoken.out).toContain('\n1 credential of these came after the plan.\n')
    await admin.issueTokens({ clientId: 'deploy-bot' })
    const drift = await on.run('revoke --client deploy-bot --reason testing', {
      admin: late,
      tty: true,
      answers: [{ to: 'confirm', answer: true }],
    })
    expect(drift.status).toBe(8)
    expect(drift.err).toMatch(/it would hit 2 credentials, and the plan had 1 \[plan-drift\]/)
  })
})
