import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:https'
import * as actions from '@actions/core'
import { OAuth2Client } from '@badgateway/oauth2-client'
import { getListFromStatusListJWT, getStatusListFromJWT } from '@sd-jwt/jwt-status-list'
import { JwtVerifier } from 'aws-jwt-verify'
import { auth } from 'express-oauth2-jwt-bearer'
import { createVerifier } from 'fast-jwt'
import { IdentityPoolClient } from 'google-auth-library'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { JwksClient } from 'jwks-rsa'
import * as oauth from 'oauth4webapi'
import Provider from 'oidc-provider'
import * as openid from 'openid-client'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { parseOutputs } from './ci-runners.ts'
import { ciStage } from './ci-stage.ts'
import { makeHome } from './harness.ts'
import { claims, recordInterop, settleInterop } from './interop-table.ts'
import { API, freePort, oauthStage, type OauthStage, trusted } from './oauth-stage.ts'
import { eventually } from './resource-server.ts'

afterAll(settleInterop)

const webKey = async ({ privateKey }: OauthStage['signing']): Promise<CryptoKey> =>
  crypto.subtle.importKey(
    'pkcs8',
    privateKey.export({ type: 'pkcs8', format: 'der' }),
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['sign'],
  )

const BY = {
  ClientSecretBasic: openid.ClientSecretBasic,
  ClientSecretPost: openid.ClientSecretPost,
}

describe('clients that nobody here wrote', () => {
  it('openid-client: private_key_jwt, introspection, revocation', async () => {
    const { issuer, signing } = await oauthStage()
    const method = openid.PrivateKeyJwt(await webKey(signing))
    const config = await openid.discovery(new URL(issuer), signing.id, undefined, method, {
      algorithm: 'oauth2',
    })
    const granted = await openid.clientCredentialsGrant(config, { scope: 'read', resource: API })
    expect(granted).toMatchObject({ token_type: 'bearer', scope: 'read', expires_in: 600 })
    expect(claims(granted.access_token)).toMatchObject({ aud: API, client_id: signing.id })
    const before = await openid.tokenIntrospection(config, granted.access_token)
    expect(before).toMatchObject({ active: true, client_id: signing.id, scope: 'read' })
    await openid.tokenRevocation(config, granted.access_token)
    expect(await openid.tokenIntrospection(config, granted.access_token)).toEqual({ active: false })
    const wrong = openid.clientCredentialsGrant(config, { scope: 'admin' })
    await expect(wrong).rejects.toMatchObject({ error: 'invalid_scope', status: 400 })
    recordInterop(
      'client',
      'openid-client',
      'client_credentials with `private_key_jwt`, introspection, revocation',
    )
  })

  it.for(['ClientSecretBasic', 'ClientSecretPost'] as const)('openid-client: %s', async (name) => {
    const { issuer, secret } = await oauthStage()
    const method = BY[name](secret.secret)
    const url = new URL(issuer)
    // By the document of OpenID Connect Discovery, which is the same.
    const config = await openid.discovery(url, secret.id, undefined, method)
    const { access_token: token } = await openid.clientCredentialsGrant(config)
    expect(claims(token)).toMatchObject({ iss: issuer, aud: API })
    const bad = await openid.discovery(url, secret.id, undefined, BY[name]('wrong'))
    const refused = openid.clientCredentialsGrant(bad)
    await expect(refused).rejects.toMatchObject({ cause: expect.anything() })
    recordInterop('client', 'openid-client', `client_credentials with ${name}`)
  })

  it('openid-client: a renewal, by the client that the token is of', async () => {
    const { issuer, secret } = await oauthStage()
    const config = await openid.discovery(new URL(issuer), secret.id, secret.secret)
    const { access_token: first } = await openid.clientCredentialsGrant(config)
    const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
    const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
    const renewed = await openid.genericGrantRequest(config, EXCHANGE, {
      subject_token: first,
      subject_token_type: ACCESS_TOKEN,
      scope: 'read',
    })
    expect(renewed['issued_token_type']).toBe(ACCESS_TOKEN)
    const second = renewed.access_token
    expect(claims(second)).toMatchObject({ scope: 'read', sid: claims(first)['jti'] })
    // What derives from a token ends with it.
    await openid.tokenRevocation(config, first)
    expect(await openid.tokenIntrospection(config, second)).toEqual({ active: false })
    const again = openid.genericGrantRequest(config, EXCHANGE, {
      subject_token: second,
      subject_token_type: ACCESS_TOKEN,
    })
    await expect(again).rejects.toMatchObject({ error: 'invalid_request' })
    recordInterop('client', 'openid-client', 'renewal by `genericGrantRequest` (RFC 8693)')
  })

  it('oauth4webapi: a secret, a signed introspection, and the checks of a resource server', async () => {
    const { issuer, secret } = await oauthStage()
    const url = new URL(issuer)
    const found = await oauth.discoveryRequest(url, { algorithm: 'oauth2' })
    const as = await oauth.processDiscoveryResponse(url, found)
    const client = { client_id: secret.id }
    const method = oauth.ClientSecretBasic(secret.secret)
    const granted = await oauth.processClientCredentialsResponse(
      as,
      client,
      await oauth.clientCredentialsGrantRequest(as, client, method, { scope: 'write' }),
    )
    const asked = await oauth.introspectionRequest(as, client, method, granted.access_token, {
      requestJwtResponse: true,
    })
    expect(asked.headers.get('content-type')).toBe('application/token-introspection+jwt')
    const signed = await oauth.processIntrospectionResponse(as, client, asked)
    expect(signed).toMatchObject({ active: true, scope: 'write' })
    const request = new Request(API, {
      headers: { authorization: `Bearer ${granted.access_token}` },
    })
    const checked = await oauth.validateJwtAccessToken(as, request, API, {
      signingAlgorithms: ['ES256'],
    })
    expect(checked).toMatchObject({ client_id: secret.id, scope: 'write' })
    const revoked = await oauth.revocationRequest(as, client, method, granted.access_token)
    expect(await oauth.processRevocationResponse(revoked)).toBeUndefined()
    recordInterop(
      'client',
      'oauth4webapi',
      'client_credentials, signed introspection (RFC 9701), revocation',
    )
    recordInterop('verifier', 'oauth4webapi', '`validateJwtAccessToken` (RFC 9068)')
  })

  it('@badgateway/oauth2-client: discovery, scope, resource, introspection, revocation', async () => {
    const { issuer, secret } = await oauthStage()
    const client = new OAuth2Client({
      server: `${issuer}/`,
      clientId: secret.id,
      clientSecret: secret.secret,
      discoveryEndpoint: '/.well-known/oauth-authorization-server',
    })
    const granted = await client.clientCredentials({ scope: ['read'], resource: API })
    expect(claims(granted.accessToken)).toMatchObject({ scope: 'read', aud: API })
    expect(await client.introspect(granted)).toMatchObject({ active: true, scope: 'read' })
    await client.revoke(granted)
    expect(await client.introspect(granted)).toMatchObject({ active: false })
    recordInterop(
      'client',
      '@badgateway/oauth2-client',
      'client_credentials with `resource`, introspection, revocation',
    )
  })
})

/** By the claims that the example of GitHub Actions binds. */
const JOB = { repository_id: '123456789', ref: 'refs/heads/main', environment: 'production' }
const DEPLOY_TARGET = 'https://deploy.example.com'

describe('what vendors give to jobs of CI systems', () => {
  it('google-auth-library: its external accounts exchange the token of a job', async () => {
    const { ci, issuer, machine, issued } = await ciStage('github-actions')
    const { env } = ci.github(JOB)
    const sources = {
      file: { file: await machine.write('id-token', await ci.sign(issuer, JOB)) },
      url: {
        url: `${env['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=${encodeURIComponent(issuer)}`,
        headers: { Authorization: `Bearer ${env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}` },
        format: { type: 'json' as const, subject_token_field_name: 'value' },
      },
    }
    const clientOf = (source: (typeof sources)['file' | 'url']) =>
      new IdentityPoolClient({
        type: 'external_account',
        audience: DEPLOY_TARGET,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `${issuer}/oauth/token`,
        credential_source: source,
        scopes: ['deploy:prod'],
      })
    for (const [name, source] of Object.entries(sources)) {
      const { token } = await clientOf(source).getAccessToken()
      expect(claims(token ?? '')).toMatchObject({
        iss: issuer,
        aud: DEPLOY_TARGET,
        client_id: 'deploy-bot',
        scope: 'deploy:prod',
      })
      recordInterop(
        'client',
        'google-auth-library',
        `exchange (RFC 8693) of a token from a ${name}`,
      )
    }
    // The file holds the one that was used: an identity token is good once.
    await expect(clientOf(sources.file).getAccessToken()).rejects.toThrow(/used before/)
    expect(await issued()).toHaveLength(2)
  })

  it('@actions/core: `credctl` asks, masks and hands on as it does', async () => {
    const { ci, issuer, machine, env } = await ciStage('github-actions')
    const github = ci.github(JOB)
    for (const [name, value] of Object.entries(github.env)) vi.stubEnv(name, value)
    let said = ''
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said += String(text)
      return true
    })
    const idToken = await actions.getIDToken(issuer)
    spy.mockRestore()
    const out = await machine.write('outputs', '')
    const given = { ...env, ...github.env, CREDCTL_SERVER: issuer, GITHUB_OUTPUT: out }
    const ran = await machine.run(['token', 'issue', '--ci'], { env: given })
    expect(ran.status).toBe(0)
    // To the letter the same request, the same command, and outputs that are read alike.
    expect(github.asked).toHaveLength(2)
    expect(github.asked[1]).toEqual(github.asked[0])
    expect(said).toContain(`::add-mask::${idToken}\n`)
    const outputs = parseOutputs(await machine.read('outputs'))
    expect([...outputs.keys()]).toEqual(['token', 'expires-at', 'credential-id'])
    expect(ran.err.split('\n')[0]).toBe(`::add-mask::${outputs.get('token')}`)
    vi.stubEnv('GITHUB_OUTPUT', await machine.write('theirs', ''))
    for (const [name, value] of outputs) actions.setOutput(name, value)
    expect(parseOutputs(await machine.read('theirs'))).toEqual(outputs)
    // What it got is as good here as what we ask for ourselves.
    const own = { ...env, CREDCTL_SERVER: issuer, CREDCTL_ID_TOKEN: idToken }
    expect(
      await machine.run(['token', 'issue', '--ci', '-o', 'token'], { env: own }),
    ).toMatchObject({
      status: 0,
    })
    recordInterop(
      'client',
      '@actions/core',
      'its `getIDToken` is taken; masks and outputs are as its own',
    )
  })
})

/** A token, one that is for another audience, and one that was changed. */
async function tokens({ issuer, secret }: OauthStage) {
  const ask = async (): Promise<string> => {
    const config = await openid.discovery(new URL(issuer), secret.id, secret.secret)
    return (await openid.clientCredentialsGrant(config)).access_token
  }
  const token = await ask()
  const [head = '', body = '', mark = ''] = token.split('.')
  const forged = Buffer.from(JSON.stringify({ ...claims(token), scope: 'admin' })).toString(
    'base64url',
  )
  return { token, forged: [head, forged, mark].join('.'), body }
}

describe('verifiers that nobody here wrote', () => {
  it('jose, by the key set', async () => {
    const stage = await oauthStage()
    const { token, forged } = await tokens(stage)
    const keys = createRemoteJWKSet(new URL(`${stage.issuer}/.well-known/jwks.json`))
    const options = { issuer: stage.issuer, audience: API, typ: 'at+jwt' }
    expect((await jwtVerify(token, keys, options)).payload['scope']).toBe('read write')
    await expect(jwtVerify(forged, keys, options)).rejects.toThrow('signature')
    const elsewhere = { ...options, audience: 'https://b.example' }
    await expect(jwtVerify(token, keys, elsewhere)).rejects.toThrow('aud')
    recordInterop('verifier', 'jose', '`jwtVerify` by the key set, `typ` checked')
  })

  it('jsonwebtoken with jwks-rsa', async () => {
    const stage = await oauthStage()
    const { token, forged } = await tokens(stage)
    const client = new JwksClient({ jwksUri: `${stage.issuer}/.well-known/jwks.json` })
    const kid = String(
      JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid,
    )
    const key = (await client.getSigningKey(kid)).getPublicKey()
    const options = { algorithms: ['ES256' as const], issuer: stage.issuer, audience: API }
    expect(jsonwebtoken.verify(token, key, options)).toMatchObject({ client_id: stage.secret.id })
    expect(() => jsonwebtoken.verify(forged, key, options)).toThrow('invalid signature')
    recordInterop('verifier', 'jsonwebtoken', 'with jwks-rsa')
    recordInterop('verifier', 'jwks-rsa', 'with jsonwebtoken')
  })

  it('fast-jwt', async () => {
    const stage = await oauthStage()
    const { token, forged } = await tokens(stage)
    const verify = createVerifier({
      key: async ({ header }: { header: { kid?: string } }) => {
        const answer = await fetch(`${stage.issuer}/.well-known/jwks.json`)
        const { keys } = (await answer.json()) as { keys: Record<string, string>[] }
        const jwk = keys.find((one) => one['kid'] === header.kid)
        const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
        return String(key.export({ type: 'spki', format: 'pem' }))
      },
      algorithms: ['ES256'],
      allowedIss: stage.issuer,
      allowedAud: API,
    })
    expect(await verify(token)).toMatchObject({ client_id: stage.secret.id })
    await expect(verify(forged)).rejects.toThrow('signature')
    recordInterop('verifier', 'fast-jwt', 'by the key set')
  })

  it('aws-jwt-verify', async () => {
    const stage = await oauthStage()
    const { token, forged } = await tokens(stage)
    const jwksUri = `${stage.issuer}/.well-known/jwks.json`
    const verifier = JwtVerifier.create({ issuer: stage.issuer, audience: API, jwksUri })
    expect(await verifier.verify(token)).toMatchObject({ client_id: stage.secret.id })
    await expect(verifier.verify(forged)).rejects.toThrow('Invalid signature')
    recordInterop('verifier', 'aws-jwt-verify', '`JwtVerifier` by the key set')
  })

  it('express-oauth2-jwt-bearer, strictly, by discovery', async () => {
    const stage = await oauthStage()
    const { token, forged } = await tokens(stage)
    const guard = auth({
      issuerBaseURL: stage.issuer,
      audience: API,
      tokenSigningAlg: 'ES256',
      strict: true,
    })
    const ask = async (bearer: string): Promise<unknown> => {
      // What Express hands over, as far as it is looked at.
      const request = {
        headers: { authorization: `Bearer ${bearer}`, host: 'api.example' },
        method: 'GET',
        protocol: 'https',
        url: '/',
        originalUrl: '/',
        query: {},
        is: () => false,
        get: (name: string) => (name === 'Host' ? 'api.example' : undefined),
      }
      const { promise, resolve } = Promise.withResolvers<unknown>()
      await (guard as (...args: unknown[]) => unknown)(request, {}, resolve)
      const failure = await promise
      return failure ?? (request as { auth?: { payload: unknown } }).auth?.payload
    }
    expect(await ask(token)).toMatchObject({ client_id: stage.secret.id, scope: 'read write' })
    expect(await ask(forged)).toMatchObject({ status: 401, code: 'invalid_token' })
    recordInterop('verifier', 'express-oauth2-jwt-bearer', '`strict`, by discovery')
  })
})

describe('a reader of status lists that nobody here wrote', () => {
  it('@sd-jwt/jwt-status-list, over the wire; jose checks the signature by the key set', async () => {
    const { home, issuer } = await oauthStage()
    const { items } = await home.json([
      'token',
      'issue',
      '--client',
      'secret-client',
      '--count',
      '3',
    ])
    const tokens = (items as { token: string; credential: { id: string } }[]).map(
      ({ token, credential }) => ({ ...getStatusListFromJWT(token), id: credential.id }),
    )
    const [revoked, suspended] = tokens
    const revoke = ['revoke', '--reason', 'testing', '--yes', '--token']
    const { revocation } = await home.json([...revoke, revoked?.id ?? ''])
    await home.json([...revoke, suspended?.id ?? '', '--expires', '1h'])
    const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
    const read = async (): Promise<number[]> => {
      const uri = revoked?.uri ?? ''
      const answer = await fetch(uri, { headers: { accept: 'application/statuslist+jwt' } })
      expect(answer.headers.get('content-type')).toBe('application/statuslist+jwt')
      expect(answer.headers.get('content-encoding')).toBe('gzip')
      const text = await answer.text()
      const { payload } = await jwtVerify(text, keys, { typ: 'statuslist+jwt', subject: uri })
      expect(Number(payload.exp) - Number(payload.iat)).toBe(payload['ttl'])
      const list = getListFromStatusListJWT(text)
      return tokens.map(({ idx }) => list.getStatus(idx))
    }
    expect(await read()).toEqual([1, 2, 0])
    await home.json(['revocation', 'lift', revocation.id, '--yes'])
    await eventually(async () => expect(await read()).toEqual([0, 2, 0]))
    const uris = (await (await fetch(`${issuer}/oauth/status-lists`)).json()) as object
    expect(uris).toEqual({ status_lists: [revoked?.uri] })
    recordInterop('reader', '@sd-jwt/jwt-status-list', 'VALID, INVALID and SUSPENDED, with jose')
  })
})

describe('an issuer that nobody here wrote', () => {
  it.for(['ES256', 'RS256'] as const)(
    'oidc-provider: `token verify --issuer` takes its tokens, %s',
    async (alg) => {
      const certificate = trusted()
      const port = await freePort()
      const issuer = `https://127.0.0.1:${port}`
      const provider = new Provider(issuer, peerConfiguration(alg))
      const peer = createServer(
        { cert: certificate.cert, key: certificate.key },
        provider.callback(),
      )
      await new Promise<void>((resolve) => peer.listen(port, '127.0.0.1', resolve))
      onTestFinished(() => void peer.close())
      const config = await openid.discovery(new URL(issuer), 'peer', 'a secret of the peer')
      const granted = await openid.clientCredentialsGrant(config, { resource: API, scope: 'read' })

      const home = await makeHome()
      await home.json(['init'])
      const env = { NODE_EXTRA_CA_CERTS: await home.write('peer.pem', certificate.cert) }
      const verify = (token: string, audience: string) =>
        home.run(
          ['token', 'verify', '-', '--issuer', issuer, '--audience', audience, '-o', 'json'],
          { stdin: token, env },
        )
      const good = await verify(granted.access_token, API)
      expect(good).toMatchObject({ status: 0 })
      expect(JSON.parse(good.out)).toMatchObject({ verdict: 'accepted', revocationChecked: false })
      const elsewhere = await verify(granted.access_token, 'https://b.example')
      expect(elsewhere.status).toBe(1)
      const cut = await verify(`${granted.access_token.slice(0, -8)}AAAAAAAA`, API)
      expect(cut.status).toBe(1)
      recordInterop(
        'issuer',
        'oidc-provider',
        `\`token verify --issuer\` takes its ${alg} access tokens`,
      )
    },
  )
})

function peerConfiguration(alg: 'ES256' | 'RS256'): object {
  const { privateKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: 'peer-key' }
  return {
    jwks: { keys: [jwk] },
    clients: [
      {
        client_id: 'peer',
        client_secret: 'a secret of the peer',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: alg,
      },
    ],
    scopes: ['read'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: 'read',
          audience: API,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg } },
        }),
      },
    },
  }
}
