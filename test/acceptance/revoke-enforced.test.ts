import { statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { socketApi } from './api.ts'
import { type Home, type Json, makeAuthority } from './harness.ts'
import {
  AUDIENCE,
  becomes,
  resourceServer,
  type ResourceServer,
  suspend,
} from './resource-server.ts'

interface Issued {
  readonly id: string
  readonly token: string
}

async function issue(home: Home, client: string, count: number): Promise<readonly Issued[]> {
  const answer = await home.json([
    'token',
    'issue',
    '--client',
    client,
    '--count',
    String(count),
    '--ttl',
    '30m',
  ])
  const items: readonly Json[] = answer.items ?? [answer]
  return items.map(({ token, credential }: Json) => ({ token, id: credential.id }))
}

const sample = (tokens: readonly Issued[]): readonly Issued[] =>
  tokens.filter((_, i) => i % 400 === 0)

const verdicts = async (server: ResourceServer, tokens: readonly Issued[]): Promise<string[]> => {
  const seen = await Promise.all(tokens.map(({ token }) => server.verdict(token)))
  return [...new Set(seen)]
}

describe('a responder', () => {
  it('is told with proof when the last resource server has stopped accepting, and can undo it', async () => {
    const home = await makeAuthority()
    for (const client of ['stolen', 'other', 'third']) {
      await home.json(['client', 'create', client, '--scope', 'read', '--audience', AUDIENCE])
    }
    const { issuer, url } = await home.serve()
    const names = ['api-1', 'api-2', 'api-3'] as const
    const [first, second, third] = (await Promise.all(
      names.map((name) => resourceServer(home, { issuer, url, name, mode: 'strict' })),
    )) as [ResourceServer, ResourceServer, ResourceServer]
    const stolen = await issue(home, 'stolen', 3000)
    const others = [...(await issue(home, 'other', 1000)), ...(await issue(home, 'third', 1000))]
    const [spared, kept, ...hit] = stolen as [Issued, Issued, ...Issued[]]

    // All three apply it, and the certificate says so.
    const revoke = `revoke --client stolen --except-token ${spared.id},${kept.id} --reason superseded`
    const waiting = '--wait enforced --timeout 30s --certificate proof.jws -o json'
    const done = await home.run(`${revoke} --confirm client:stolen ${waiting}`.split(' '))
    expect(done.status, done.err).toBe(0)
    const { revocation, items, enforcement, certificate } = JSON.parse(done.out) as Json
    expect(revocation).toMatchObject({
      state: 'enforced',
      matched: { credentials: 2998, byClient: { stolen: 2998 }, byAudience: { [AUDIENCE]: 2998 } },
    })
    expect(items).toEqual([{ target: 'client:stolen', result: 'revoked' }])
    expect(enforcement.verifiers).toEqual({ total: 3, acknowledged: 3, lapsed: 0, waiting: 0 })
    expect(enforcement.acknowledgedMs.p99).toBeLessThan(10_000)
    for (const server of [first, second, third]) {
      expect(await verdicts(server, sample(hit))).toEqual(['revoked'])
      expect(await verdicts(server, [spared, kept, ...sample(others)])).toEqual(['accepted'])
    }

    // The certificate holds without the authority, and not with one byte changed.
    expect(await home.read('proof.jws')).toBe(`${certificate}\n`)
    expect(statSync(home.path('proof.jws')).mode & 0o777).toBe(0o600)
    const keys = await home.run(['key', 'list', '--purpose', 'feed', '-o', 'json'])
    await home.write('keys.json', keys.out)
    const verify = ['revocation', 'verify-certificate']
    const nowhere = ['--jwks', 'keys.json', '--data-dir', home.path('nowhere')]
    const checked = await home.json([...verify, 'proof.jws', ...nowhere])
    expect(checked).toMatchObject({
      valid: true,
      revocationId: revocation.id,
      issuer,
      verifiers: { total: 3, acknowledged: 3, lapsed: 0 },
      audiences: [{ audience: AUDIENCE, verifiers: 3 }],
    })
    const at = Math.floor(certificate.length / 2)
    const changed = `${certificate.slice(0, at)}${certificate[at] === 'A' ? 'B' : 'A'}${certificate.slice(at + 1)}`
    const forged = await home.run([...verify, '-', ...nowhere], { stdin: changed })
    expect(forged.status).toBe(1)
    expect(forged.err).toContain('[certificate-invalid]')

    // One stops: it is named, and is certain to decide nothing any more when its lease is over.
    const { resume } = suspend(second)
    const more = await issue(home, 'other', 1)
    const late = await home.run(
      `revoke --token ${more[0]?.id} --reason testing --yes --wait enforced --timeout 2s`.split(
        ' ',
      ),
    )
    expect(late.status).toBe(7)
    expect(late.out).toMatch(/Enforced on 2 of 3 verifiers \(.*\); waiting for api-2\./)
    const [, id = ''] =
      /next: credctl revocation wait (rev_\w+) --timeout \d+s/.exec(late.err) ?? []
    expect(late.err).toMatch(
      /certain by 2\S+Z; 1 of 3 verifiers may still decide without it: api-2/,
    )
    const waited = await home.json(['revocation', 'wait', id, '--timeout', '30s'])
    expect(waited.enforcement).toMatchObject({
      state: 'enforced',
      verifiers: { total: 3, acknowledged: 2, lapsed: 1, waiting: 0 },
      stragglers: [{ name: 'api-2', lapsed: true }],
    })
    const { publishedAt, enforcedAt } = waited.enforcement
    expect(Date.parse(enforcedAt) - Date.parse(publishedAt)).toBeLessThanOrEqual(10_001)
    expect(waited.certificate).toEqual(expect.any(String))
    resume()
    await becomes(second, more[0]?.token ?? '', 'revoked')
    expect(await verdicts(second, sample(others))).toEqual(['accepted'])

    // The lift brings back what it took, and nothing else.
    const lifted = await home.json(['revocation', 'lift', revocation.id, '--yes'])
    expect(lifted.revived.credentials).toBe(2998)
    for (const server of [first, second, third]) {
      await becomes(server, hit[0]?.token ?? '', 'accepted')
      expect(await verdicts(server, sample(hit))).toEqual(['accepted'])
      expect(await server.verdict(more[0]?.token ?? '')).toBe('revoked')
    }
    const shown = await home.run(['revocation', 'show', revocation.id])
    expect(shown.out).toMatch(/\nIt was lifted: nothing is to be enforced any more\.\n/)
  })

  it('plans, has another one apply it, and sees who follows', async () => {
    const home = await makeAuthority()
    await home.json(['client', 'create', 'bot', '--scope', 'read', '--audience', AUDIENCE])
    const { issuer, url } = await home.serve()
    await issue(home, 'bot', 5)
    const { verifier, credential } = await home.json([
      'verifier',
      'create',
      'api',
      '--mode',
      'strict',
    ])
    const api = await resourceServer(home, { issuer, url, name: 'api-1', credential })
    const list = await home.json(['verifier', 'list', '--name', 'api-1'])
    expect(list.items).toMatchObject([{ verifierId: verifier.id, state: 'fresh', mode: 'strict' }])
    const planned = await home.shell(
      'credctl revocation plan --client bot --reason testing -o json > plan.json\n' +
        'credctl revocation apply plan.json --yes --wait enforced -o json',
    )
    expect(planned.status, planned.err).toBe(0)
    expect(JSON.parse(planned.out).enforcement.verifiers).toMatchObject({ acknowledged: 1 })

    const removed = await home.json(['verifier', 'remove', 'api', '--yes'])
    expect(removed.leasesEndAt).toMatch(/^2/)
    const [hit] = await issue(home, 'bot', 1)
    await becomes(api, hit?.token ?? '', 'stale')
  })

  it('may press Ctrl-C while it waits, and the revocation stands', async () => {
    const home = await makeAuthority()
    await home.json(['client', 'create', 'bot', '--scope', 'read', '--audience', AUDIENCE])
    const { issuer, url } = await home.serve()
    await issue(home, 'bot', 2)
    suspend(await resourceServer(home, { issuer, url, name: 'api-1' }))
    const waiting = home.start([
      'revoke',
      '--client',
      'bot',
      '--reason',
      'testing',
      '-y',
      '--wait',
      'enforced',
    ])
    const api = socketApi(home)
    const { promise: told, resolve: tell } = Promise.withResolvers<void>()
    waiting.child.stderr?.on('data', (text: string) => text.includes('published: ') && tell())
    await told
    waiting.kill('SIGINT')
    const { status, out, err } = await waiting.done
    expect({ status, err }).toMatchObject({ status: 130, err: expect.stringContaining('to undo') })
    expect(out).toMatch(/^Revoked 2 credentials of bot/)
    expect(err).toMatch(/only the waiting ended; rev_\w+ stays as it is \[interrupted\]/)
    expect((await api('/v1/revocations')).body.items[0].state).toBe('published')
  })
})
