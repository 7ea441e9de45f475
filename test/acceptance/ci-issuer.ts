import { once } from 'node:events'
import { createServer } from 'node:https'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { onTestFinished } from 'vitest'
import { freePort, trusted } from './oauth-stage.ts'

/** Claims of a job, as its system has them; what is `undefined` is left out. */
export type JobClaims = Readonly<Record<string, unknown>>

/** A CI system that signs what its jobs are, over loopback TLS, with metadata and a key set. */
export interface CiIssuer {
  readonly issuer: string
  /** An identity token for whoever it is meant for. */
  readonly sign: (audience: string, claims: JobClaims, options?: Forgery) => Promise<string>
  /** GitHub’s way: the two variables that a job with `id-token: write` finds, and what was asked for. */
  readonly github: (claims: JobClaims) => {
    readonly env: Readonly<Record<string, string>>
    readonly asked: readonly { readonly url: string; readonly authorization: string | undefined }[]
  }
  /** Where a helper of this machine has a token made: a POST of `{ audience, claims }`. */
  readonly mintUrl: string
}

interface Forgery {
  /** Signed by a key that it has not published. */
  readonly isForged?: boolean
}

const REQUEST_TOKEN = 'request-token-of-the-runner'
let jobs = 0

export async function ciIssuer(): Promise<CiIssuer> {
  const { cert, key } = trusted()
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  const other = await generateKeyPair('RS256')
  const port = await freePort()
  const issuer = `https://127.0.0.1:${port}`
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'ci', alg: 'RS256', use: 'sig' }] }
  const sign: CiIssuer['sign'] = (audience, claims, { isForged = false } = {}) => {
    const now = Math.floor(Date.now() / 1000)
    jobs += 1
    const all = {
      iss: issuer,
      aud: audience,
      jti: `job-${jobs}`,
      iat: now,
      exp: now + 300,
      ...claims,
    }
    const present = Object.entries(all).filter(([, value]) => value !== undefined)
    return new SignJWT(Object.fromEntries(present))
      .setProtectedHeader({ alg: 'RS256', kid: 'ci', typ: 'JWT' })
      .sign(isForged ? other.privateKey : privateKey)
  }
  let ofGithub: JobClaims = {}
  const asked: { url: string; authorization: string | undefined }[] = []
  const answer = async (url: URL, authorization: string | undefined, body: string) => {
    if (url.pathname === '/.well-known/openid-configuration')
      return { issuer, jwks_uri: `${issuer}/jwks` }
    if (url.pathname === '/jwks') return jwks
    if (url.pathname === '/mint') {
      const { audience, claims } = JSON.parse(body) as { audience: string; claims: JobClaims }
      return { value: await sign(audience, claims) }
    }
    if (url.pathname !== '/github/token' || authorization !== `Bearer ${REQUEST_TOKEN}`)
      return undefined
    asked.push({ url: url.pathname + url.search, authorization })
    return {
      count: 1,
      value: await sign(url.searchParams.get('audience') ?? 'https://github.com/o', ofGithub),
    }
  }
  const server = createServer({ cert, key }, (request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', issuer)
      void answer(url, request.headers.authorization, body).then((value) => {
        response.writeHead(value === undefined ? 403 : 200, { 'content-type': 'application/json' })
        response.end(JSON.stringify(value ?? {}))
      })
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    issuer,
    sign,
    mintUrl: `${issuer}/mint`,
    github(claims) {
      ofGithub = claims
      const env = {
        GITHUB_ACTIONS: 'true',
        ACTIONS_ID_TOKEN_REQUEST_URL: `${issuer}/github/token?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: REQUEST_TOKEN,
      }
      return { env, asked }
    },
  }
}
