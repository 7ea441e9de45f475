import { describe, expect, it } from 'vitest'
import { follow } from '../../follower.ts'
import { type Stage, stage } from '../revoke/stage.ts'

interface Proved extends Stage {
  readonly id: string
  readonly certificate: string
}

/** A revocation that one verifier applies, and one only decides nothing any more. */
async function proved(): Promise<Proved> {
  const on = await stage()
  const { admin, clock } = on.world
  const api = await follow(on.world, { name: 'api-1' })
  await follow(on.world, { name: 'api-2', mode: 'strict' })
  const closed = await follow(on.world, { name: 'api-3' })
  const made = await admin.revoke({
    selector: { clients: ['deploy-bot'] },
    reason: 'superseded',
    graceSeconds: 5,
  })
  const id = made.revocation?.id ?? ''
  await api.acknowledge()
  await closed.close()
  clock.advance(11_000)
  const { certificate } = await admin.certifyRevocation({ id })
  return { ...on, id, certificate: certificate ?? '' }
}

const verify = 'revocation verify-certificate'

describe('verify-certificate', () => {
  it('says what was proved, of whom, and since when', async () => {
    const on = await proved()
    const { certificate, id } = on
    const files = { 'proof.jws': `${certificate}\n` }
    const ran = await on.run(`${verify} proof.jws`, { files })
    expect(ran).toMatchObject({ status: 0, err: '' })
    expect(ran.out).toMatch(
      new RegExp(
        `^The certificate holds: ${id} was enforced at 2026-11-23T19:08:10\\.\\d+Z\\.\\n\\n`,
      ),
    )
    expect(ran.out).toMatch(/\nVerifiers +3\nAcknowledged +2\nLapsed +1\nAudiences +http:/)
    expect(ran.out).toMatch(/\napi-1 +acknowledged +/)
    expect(ran.out).toMatch(/\napi-2 +lease over +/)
    const json = await on.run(`${verify} - -o json`, { stdin: certificate })
    const [key] = (await on.world.admin.listKeys({ purpose: 'feed' })).items
    expect(JSON.parse(json.out)).toEqual({
      valid: true,
      revocationId: id,
      issuer: on.world.issuer,
      position: expect.any(Number),
      reason: 'superseded',
      publishedAt: '2026-11-23T19:08:00.001Z',
      graceEndsAt: '2026-11-23T19:08:05.000Z',
      enforcedAt: expect.stringMatching(/^2026-11-23T19:08:10/),
      statedAt: expect.stringMatching(/^2026-11-23T19:08:11/),
      verifiers: { total: 3, acknowledged: 2, lapsed: 1 },
      audiences: [{ audience: on.world.issuer, verifiers: 3 }],
      keyId: key?.id,
    })
    const quiet = await on.run(`${verify} - -q`, { stdin: certificate })
    expect(quiet.out).toBe(`${id}\n`)
  })

  it('asks nobody where it is given the keys, in any of their forms', async () => {
    const on = await proved()
    const keys = await on.run('key list --purpose feed -o json')
    const items = (await on.world.admin.listKeys({ purpose: 'feed' })).items
    const jwk = items[0]?.publicJwk
    const forms = [
      keys.out,
      JSON.stringify({ keys: [{ kty: 'oct', kid: 'x' }, jwk] }),
      JSON.stringify(jwk),
      JSON.stringify(items[0]),
    ]
    for (const form of forms) {
      const files = { proof: on.certificate, 'keys.json': form }
      const ran = await on.run(`${verify} proof --jwks keys.json -q`, { files })
      expect(ran).toMatchObject({ status: 0, targets: [] })
    }
    const piped = await on.run(`${verify} proof --jwks - -q`, {
      files: { proof: on.certificate },
      stdin: keys.out,
    })
    expect(piped.status).toBe(0)
  })

  it('takes the JSON of the command that got it', async () => {
    const on = await proved()
    const got = await on.run(`revocation wait ${on.id} -o json`)
    expect(got.status).toBe(0)
    const ran = await on.run(`${verify} - -q`, { stdin: got.out })
    expect(ran).toMatchObject({ status: 0, out: `${on.id}\n` })
  })

  it('of a key that was retired holds, of one that was revoked it does not', async () => {
    const on = await proved()
    const { admin } = on.world
    const [before] = (await admin.listKeys({ purpose: 'feed' })).items
    await on.run('key rotate --purpose feed')
    expect((await admin.showKey({ id: before?.id ?? '' })).state).not.toBe('active')
    const retired = await on.run(`${verify} - -q`, { stdin: on.certificate })
    expect(retired.status).toBe(0)
    await admin.revoke({ selector: { keys: [before?.id ?? ''] }, reason: 'compromise' })
    const revoked = await on.run(`${verify} - -q`, { stdin: on.certificate })
    expect(revoked.status).toBe(1)
    expect(revoked.err).toMatch(/a key that is not among those given \[certificate-invalid\]/)
  })

  it('says of a changed one why it is none, exit 1', async () => {
    const on = await proved()
    const [head = '', body = '', mark = ''] = on.certificate.split('.')
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as { roster: unknown[] }
    const fewer = { ...claims, roster: claims.roster.slice(1) }
    const forged = `${head}.${Buffer.from(JSON.stringify(fewer)).toString('base64url')}.${mark}`
    const ran = await on.run(`${verify} - -o json`, { stdin: forged })
    expect(ran).toMatchObject({ status: 1, out: '' })
    expect(JSON.parse(ran.err)).toMatchObject({
      code: 'certificate-invalid',
      facts: { problems: [expect.stringMatching(/its signature is forged/)] },
    })
    const token = await on.run(`${verify} -`, { stdin: on.tokens[0]?.token ?? '' })
    expect(token.status).toBe(1)
    expect(token.err).toMatch(/its type is not feed-certificate\+jwt/)
  })

  it('names the audiences that only expiry proves, and at most twenty verifiers', async () => {
    const on = await stage()
    const { admin, clock } = on.world
    for (let i = 0; i < 22; i += 1) await follow(on.world, { name: `api-${i}`, mode: 'strict' })
    const { revocation } = await admin.revoke({
      selector: { clients: ['reader', 'deploy-bot'] },
      reason: 'testing',
    })
    clock.advance(24 * 3600 * 1000)
    const { certificate = '' } = await admin.certifyRevocation({ id: revocation?.id ?? '' })
    const ran = await on.run(`${verify} -`, { stdin: certificate })
    expect(ran.status).toBe(0)
    expect(ran.out).toMatch(
      /\nFor https:\/\/api\.example by expiry alone, at 2026-\S+: no verifier/,
    )
    expect(ran.out).toContain('\nThe first 20 of 22 verifiers follow.\n')
    expect(ran.out.match(/\napi-\d+ /g)).toHaveLength(20)
  })

  it.for([
    [`${verify} - --jwks -`, { stdin: 'x' }, 2, /both want stdin/],
    [`${verify}`, {}, 2, /FILE is missing/],
    [`${verify} gone.jws`, {}, 2, /gone\.jws cannot be read/],
    [`${verify} -`, { stdin: ' \n' }, 2, /the input is empty/],
    [`${verify} -`, { stdin: '{"revocation":null}' }, 2, /the JSON holds no certificate/],
    [`${verify} -`, { stdin: '{"certificate":1}' }, 2, /the JSON holds no certificate/],
    [`${verify} -`, { stdin: '{' }, 2, /the JSON holds no certificate/],
    [`${verify} - --jwks k`, { stdin: 'x', files: { k: '{}' } }, 2, /--jwks holds no public key/],
    [`${verify} - --jwks k`, { stdin: 'x', files: { k: 'pem' } }, 2, /--jwks holds no public key/],
    [`${verify} - --jwks k`, { stdin: 'x', files: { k: '{"items":[null]}' } }, 2, /no public key/],
    [`${verify} -`, { stdin: 'x' }, 1, /three parts .*\[certificate-invalid\]/],
  ] as const)('%s %o → %i', async ([argv, scene, status, err]) => {
    const on = await stage()
    const ran = await on.run(argv, scene)
    expect(ran.status).toBe(status)
    expect(ran.err).toMatch(err)
  })

  it('without an authority and without keys says what to give', async () => {
    const on = await stage()
    const { runCli } = await import('../../harness.ts')
    const ran = await runCli({ argv: `${verify} -`, stdin: 'x.y.z' })
    expect(on.world.faults).toEqual([])
    expect(ran.status).toBe(2)
    expect(ran.err).toMatch(
      /no key to check the certificate with \[input-required\]\n {2}next: give the keys with --jwks FILE/,
    )
  })
})

describe('wait', () => {
  it('prints { revocation, enforcement, certificate }', async () => {
    const on = await proved()
    const ran = await on.run(`revocation wait ${on.id} -o json --certificate c`)
    expect(ran.status).toBe(0)
    const { revocation, enforcement, certificate, ...others } = JSON.parse(ran.out) as Record<
      string,
      unknown
    >
    expect(others).toEqual({})
    expect(revocation).toMatchObject({ id: on.id, state: 'enforced' })
    expect(enforcement).toMatchObject({ revocationId: on.id, verifiers: { waiting: 0 } })
    expect(ran.written.get('c')).toBe(`${String(certificate)}\n`)
    expect(await on.run(`revocation wait ${on.id} -q`)).toMatchObject({ out: `${on.id}\n` })
  })

  it('says to a person how it stands', async () => {
    const on = await proved()
    const ran = await on.run(`revocation wait ${on.id} --wait enforced`)
    expect(ran.out).toMatch(/^Enforced 10\.\d s after publication: 2 of 3 verifiers acknowledged/)
    expect(ran.out).toMatch(new RegExp(`\\nId +${on.id}\\nState +enforced\\n`))
  })

  it('of what is not enforced in time is exit 7, and of what was lifted 8', async () => {
    const on = await stage()
    await follow(on.world, { name: 'api-1' })
    const { revocation } = await on.world.admin.revoke({
      selector: { clients: ['deploy-bot'] },
      reason: 'testing',
    })
    const id = revocation?.id ?? ''
    const late = await on.run(`revocation wait ${id} --timeout 2s`)
    expect(late.status).toBe(7)
    expect(late.err).toContain(`next: credctl revocation wait ${id} --timeout 30s\n`)
    await on.world.admin.liftRevocation({ id })
    const lifted = await on.run(`revocation wait ${id}`)
    expect(lifted.status).toBe(8)
    expect(lifted.out).toMatch(/\nState +lifted\n/)
  })

  it.for([
    ['revocation wait rev_none', 3, /\[revocation-unknown\]/],
    ['revocation wait', 2, /ID is missing/],
    ['revocation wait rev_none --timeout 0', 2, /--timeout: it is zero/],
    ['revocation wait rev_none --wait published', 2, /--wait: /],
  ] as const)('%s → %i', async ([argv, status, err]) => {
    const on = await stage()
    const ran = await on.run(argv)
    expect(ran.status).toBe(status)
    expect(ran.err).toMatch(err)
    expect([...ran.written]).toEqual([])
  })
})
