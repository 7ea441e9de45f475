import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { onTestFinished } from 'vitest'
import { connectOauth, type Oauth } from '#client/oauth.ts'
import type { OauthTransport } from '#contract/oauth.ts'
import { createIdentityTokens } from '#federation/identity.ts'
import { createOauthEndpoints } from '#server/oauth/endpoints.ts'
import { ISSUER } from '../../world.ts'
import type { Ran, Scene } from '../harness.ts'
import { type CliWorld, cliWorld } from '../world.ts'

const ISSUER_OF_JOBS = 'https://ci.example'
const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] }
/** Nobody has published it. */
const other = await generateKeyPair('RS256')

export interface CiStage extends CliWorld {
  readonly oauth: Oauth
  /** What a CI system signs for a job of the trust `deploys`, but for what is changed. */
  readonly jobToken: (
    claims?: Readonly<Record<string, unknown>>,
    options?: { readonly isForged?: boolean },
  ) => Promise<string>
  /** Runs a command line as a job, with the token in a variable unless the scene says otherwise. */
  readonly runJob: (argv: Scene['argv'], scene?: Omit<Scene, 'argv'>) => Promise<Ran>
  /** The states of all that was issued. */
  readonly states: () => Promise<readonly string[]>
  /** Puts itself between the job and the endpoints. */
  intercept: (transport: OauthTransport) => OauthTransport
}

/** An authority with client `bot` and trust `deploys`, its OAuth endpoints, and a CI system. */
export async function ciStage(): Promise<CiStage> {
  const identityTokens = createIdentityTokens(async () => undefined)
  const cli = await cliWorld({ identityTokens })
  const { world } = cli
  const { admin, clock, deps } = world
  // Whoever sleeps lets everything go on that can, as all who are awake do while time passes.
  clock.sleep = async (milliseconds) => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    clock.advance(milliseconds)
  }
  await admin.createClient({ id: 'bot', scopes: ['deploy:*'], audiences: ['https://api'] })
  await admin.createTrust({
    id: 'deploys',
    form: 'github-actions',
    issuer: ISSUER_OF_JOBS,
    claims: { repository_id: ['4711'], ref: ['refs/heads/main'] },
    clientId: 'bot',
    scopes: ['deploy:prod'],
    jwks,
  })
  const endpoints = createOauthEndpoints(deps, {
    endOfTick: () => new Promise((resolve) => setImmediate(resolve)),
    onFault: (fault) => world.faults.push(fault),
  })
  onTestFinished(() => endpoints.settle(true))
  const direct: OauthTransport = {
    issuer: async () => ISSUER,
    async post(endpoint, fields) {
      const body = new URLSearchParams(fields.map(([name, value]) => [name, value])).toString()
      const call = { query: '', authorizations: [], accept: '', requestId: 'req_1' }
      const origin = { transport: 'http', ip: '192.0.2.7' } as const
      return {
        requestId: 'req_1',
        ...(await endpoints.answer({ ...call, endpoint, body, origin })),
      }
    },
  }
  let jobs = 0
  const jobToken: CiStage['jobToken'] = (claims = {}, { isForged = false } = {}) => {
    const now = Math.floor(clock.now() / 1000)
    const all = {
      iss: ISSUER_OF_JOBS,
      aud: ISSUER,
      sub: 'repo:o/r:ref:refs/heads/main',
      repository_id: '4711',
      ref: 'refs/heads/main',
      jti: `job-${(jobs += 1)}`,
      iat: now,
      exp: now + 300,
      ...claims,
    }
    const present = Object.entries(all).filter(([, value]) => value !== undefined)
    return new SignJWT(Object.fromEntries(present))
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .sign(isForged ? other.privateKey : privateKey)
  }
  const entropy = { bytes: (count: number) => new Uint8Array(count) }
  const stage: CiStage = {
    ...cli,
    intercept: (transport) => transport,
    get oauth() {
      return connectOauth(stage.intercept(direct), { clock, entropy })
    },
    jobToken,
    async runJob(argv, scene = {}) {
      const env = scene.env ?? { CREDCTL_ID_TOKEN: await jobToken() }
      return cli.run(argv, { oauth: stage.oauth, ...scene, env })
    },
    async states() {
      const { items } = await admin.listCredentials({})
      return items.map(({ state }) => state)
    },
  }
  return stage
}
