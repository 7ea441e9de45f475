import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ASSERTION, assertion, CLIENT_CREDENTIALS, oauthWorld, signer } from './world.ts'

/** Each of the four reports its own share of the 10,000 cases. */
const RUNS = 2500

/** What RFC 6749 §5.2, RFC 8707 §2 and ours say; whatever else is said would tell more. */
const ERRORS: Readonly<Record<string, number>> = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  invalid_scope: 400,
  invalid_target: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
}
/** What may be said of a form, by which nothing is told but what its sender wrote. */
const OF_THE_FORM =
  /^(?:the form |a parameter is repeated$|the request is not valid$|no trust .{0,100}lets in tokens of issuer .{0,200}$|the subject token is not one that can be exchanged$|[a-z_]+ is (?:missing|none of [a-z0-9:_, -]+|not a whole number of seconds|not the client that authenticates)$|requested_token_type is urn:ietf:params:oauth:token-type:access_token$|nobody acts for somebody else here: actor_token$|the client authenticates in more than one way$|parameters belong into the body$)/

const junk = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 200 }),
  fc.constantFrom(
    '',
    '%',
    '%zz',
    '\u0000',
    '__proto__',
    'constructor',
    '[]',
    '{}',
    'null',
    '-1',
    '../..',
    "' OR 1=1--",
    '${x}',
    'é',
    '\u{1f600}',
    'a'.repeat(5000),
  ),
)
const names = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'grant_type',
      'client_id',
      'client_secret',
      'client_assertion',
      'client_assertion_type',
      'scope',
      'resource',
      'audience',
      'token',
      'token_type_hint',
      'expires_in',
      'subject_token',
      'subject_token_type',
      'requested_token_type',
      'actor_token',
      'trust',
      'assertion',
      '__proto__',
      'toString',
    ),
  },
  { weight: 1, arbitrary: junk },
)

describe('hostile input', { timeout: 120_000 }, () => {
  it('of any form gets an error of the RFC’s, and nothing that tells why', async () => {
    const open = { perSecond: 1e9, burst: 1e9 }
    const world = await oauthWorld((policy) => ({
      ...policy,
      limits: { issue: { perClient: open }, oauth: { perAddress: open, failuresPerAddress: open } },
    }))
    const secret = await world.withSecret('known')
    const key = signer()
    await world.admin.createClient({
      id: 'signs',
      scopes: ['read'],
      auth: 'private-key-jwt',
      keys: [{ ...key.jwk }],
    })
    const token = await world.tokenOf('known', secret)
    await world.admin.createClient({ id: 'job', scopes: ['read', 'deploy:prod'] })
    const { items } = await world.admin.issueTokens({ clientId: 'job', count: 2 })
    const [live = '', dead = ''] = items.map((one) => one.token)
    const deadId = items[1]?.credential.id ?? ''
    await world.admin.revoke({ selector: { tokens: [deadId] }, reason: 'testing' })
    const good = assertion(world, 'signs', key)
    // A wrong secret of our form: those of others cost a slow hash each, and have a test of their own.
    const ours = fc.constantFrom(
      secret,
      `credctl_cs_${'x'.repeat(43)}`,
      `credctl_cs_${'y'.repeat(43)}`,
    )
    const values = fc.oneof(
      junk,
      fc.constantFrom(
        CLIENT_CREDENTIALS,
        'known',
        'signs',
        'nobody',
        token,
        good,
        `${good}x`,
        'x.y.z',
        ...Object.values(ASSERTION),
        'read',
        'https://api.example',
        'job',
        live,
        dead,
        `${live.slice(0, -2)}AA`,
        EXCHANGE,
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
        ...TOKEN_TYPES,
      ),
    )
    const valueOf = (name: string): fc.Arbitrary<string> =>
      name === 'client_secret' ? ours : values
    const pair = names.chain((name) => valueOf(name).map((value) => [name, value] as const))
    const encoded = fc
      .array(pair, { maxLength: 8 })
      .map((pairs) =>
        new URLSearchParams(pairs.map(([name, value]) => [name, value.toWellFormed()])).toString(),
      )
    // An exchange that is whole, so that what comes after it is reached; then anything is added.
    const exchange = fc
      .record({
        subject: fc.oneof(
          { weight: 4, arbitrary: fc.constantFrom(live, dead, token, good) },
          { weight: 1, arbitrary: values },
        ),
        type: fc.oneof(
          { weight: 4, arbitrary: fc.constantFrom(...TOKEN_TYPES) },
          { weight: 1, arbitrary: values },
        ),
        more: encoded,
      })
      .map(({ subject, type, more }) => {
        const fields = { grant_type: EXCHANGE, subject_token: subject, subject_token_type: type }
        const whole = Object.entries(fields).map(([name, text]) => [name, text.toWellFormed()])
        return `${new URLSearchParams(whole).toString()}&${more}`
      })
    const bodies = fc.oneof(
      { weight: 5, arbitrary: encoded },
      { weight: 2, arbitrary: exchange },
      { weight: 2, arbitrary: encoded.map((body) => `grant_type=${CLIENT_CREDENTIALS}&${body}`) },
      { weight: 1, arbitrary: junk },
    )
    const basics = fc
      .tuple(fc.constantFrom('known', 'signs', 'nobody', '', '%', '\u0000', 'é'), ours)
      .map(([id, text]) => `Basic ${Buffer.from(`${id}:${text}`).toString('base64')}`)
    const authorizations = fc.oneof(
      { weight: 5, arbitrary: fc.constant(undefined) },
      { weight: 3, arbitrary: basics },
      { weight: 1, arbitrary: junk },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          'Basic',
          'Basic ',
          'Basic Og==',
          'Basic ====',
          'Bearer x',
          `Bearer ${token}`,
          'Digest x',
          'basic eDp5 eDp5',
        ),
      },
    )
    const call = fc.record({
      endpoint: fc.constantFrom('token', 'token', 'revocation', 'introspection'),
      body: bodies,
      authorization: authorizations,
      accept: fc.oneof(fc.constant(''), fc.constant('application/token-introspection+jwt'), junk),
      query: fc.oneof({ weight: 9, arbitrary: fc.constant('') }, { weight: 1, arbitrary: junk }),
    })
    const seen = new Set<string>()
    let cases = 0
    for (let share = 0; share < 4; share++) {
      await fc.assert(
        fc.asyncProperty(call, async ({ endpoint, body, authorization, accept, query }) => {
          cases += 1
          const headers = { accept, ...(authorization === undefined ? {} : { authorization }) }
          const answer = await world.post(endpoint as 'token', body, { headers, query })
          seen.add(answer.status === 200 ? '200' : String(answer.body.error))
          if (answer.body.issued_token_type !== undefined) seen.add('renewed')
          if (/subject token/.test(answer.body.error_description)) seen.add('subject-refused')
          if (answer.status === 200) return
          const { error, error_description: description, trusts, claims, ...more } = answer.body
          // No trust is there, so none may be told of: only what the token says of itself.
          expect(trusts ?? []).toEqual([])
          expect(claims === undefined || trusts !== undefined).toBe(true)
          expect(more).toEqual({})
          expect(answer.status).toBe(ERRORS[error])
          // RFC 6749 §5.2.
          expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/)
          const isSaid =
            error === 'invalid_request'
              ? OF_THE_FORM.test(description)
              : description === SAYS[error]
          expect(isSaid, description).toBe(true)
        }),
        { numRuns: RUNS },
      )
    }
    expect(cases).toBe(4 * RUNS)
    expect(world.faults).toEqual([])
    // What never happened has proved nothing.
    for (const sometimes of [
      '200',
      'invalid_request',
      'invalid_client',
      'unsupported_grant_type',
      'invalid_target',
      'invalid_scope',
      'renewed',
      'subject-refused',
    ]) {
      expect([...seen]).toContain(sometimes)
    }
    expect(
      (
        await world.post('token', {
          grant_type: CLIENT_CREDENTIALS,
          client_id: 'known',
          client_secret: secret,
        })
      ).status,
    ).toBe(200)
  })
})

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const TOKEN_TYPES = ['jwt', 'id_token', 'access_token', 'saml2'].map(
  (name) => `urn:ietf:params:oauth:token-type:${name}`,
)

const SAYS: Readonly<Record<string, string>> = {
  invalid_client: 'client authentication failed',
  invalid_grant: 'the grant is not valid',
  invalid_scope: 'the scope is not one that this client may have',
  invalid_target: 'the audience or resource is not one that this client may have',
  unauthorized_client: 'this client may not do that',
  unsupported_grant_type: 'this grant type is not supported',
}
