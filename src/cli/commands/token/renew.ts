import { mask } from '#cli/ci/mask.ts'
import { defineCommand } from '#cli/command.ts'
import { type IssuedToken, issuedShape } from '#cli/commands/shapes.ts'
import { duration, file, many, text } from '#cli/flags.ts'
import { readInput, readToken } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { received } from '#cli/received.ts'
import { record } from '#cli/view.ts'
import { parseToken } from '#contract/token.ts'
import { formatDuration } from '#kernel/duration.ts'
import { formatInstant } from '#kernel/instant.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import { dated } from './claims.ts'
import { type Delivered, ENV_NAME, envText, tokenLines, withoutToken } from './issued.ts'

/** `credctl token renew`: a live token is exchanged for one that lives longer, or may do less. */
export const tokenRenew = defineCommand({
  path: ['token', 'renew'],
  summary: 'Exchange a live token for one that lives longer, or may do less',
  description: [
    'Needs nothing but the token: a client without credentials renews by holding it, for 24 hours after the sign-in. One that has credentials proves itself by them, at the token endpoint and not here.',
    'The new token derives from the old one. It never carries more, and whatever revokes the session, or any token before it, takes it along. The old one stays good until it expires: to hand back both, give back the first.',
    'The token comes from stdin (-) or a file, and from $ACCESS_TOKEN where neither is given. A lifetime longer than policy allows, or than is left of the 24 hours, is shortened, which is said on stderr and, as clampedFrom, in the JSON. In a CI job the new token is masked in the log where the system can do that.',
  ],
  args: {
    token: text('The token; - for stdin', { placeholder: 'TOKEN', secret: true }),
  },
  flags: {
    tokenFile: file('The file that holds the token'),
    scope: many('What the new one allows; all that the old one does unless given', {
      placeholder: 'SCOPE',
    }),
    audience: many('The server that it is for; those of the old one unless given', {
      placeholder: 'AUDIENCE',
    }),
    ttl: duration('How long it is valid; policy shortens what is too long, and says so'),
    env: text(`Name of the variable under -o env; ${ENV_NAME} unless given`, {
      placeholder: 'NAME',
    }),
    outFile: text('Write the token to a new file (mode 0600), and not to stdout', {
      placeholder: 'FILE',
      complete: 'file',
    }),
  },
  examples: [
    {
      run: 'export $(credctl token renew -o env)',
      about: 'Of a job that takes longer: $ACCESS_TOKEN and its expiry, renewed in place',
    },
    {
      run: 'credctl token renew - --scope read --ttl 1m -o token < token.txt',
      about: 'One that may only read, and for a minute, to hand on',
    },
  ],
  output: [issuedShape],
  formats: {
    token: 'the token alone',
    env: 'ACCESS_TOKEN=… and ACCESS_TOKEN_EXPIRES_AT=…, for a shell',
  },
  exits: {
    2: 'there is no token, or the command line is wrong',
    4: 'the token is not one that can be renewed: expired, revoked, in its grace period, or renewed for long enough; or its client has to prove itself',
    5: 'the token does not carry that, its client may no longer have it, or issuing is blocked',
    75: 'the authority cannot be reached',
  },
  seeAlso: ['token issue', 'token revoke-self', 'token exec', 'revoke'],

  async run(kit, input) {
    mustFit(kit, input)
    const token = await tokenOf(kit, input)
    // Before anything is issued: a token that cannot be written anywhere would be lost.
    const place =
      input.outFile === undefined ? undefined : await kit.files.claimPrivate(input.outFile)
    let isWritten = false
    try {
      const issued = await renewed(kit, token, input)
      await place?.append(textOf(kit, issued, input.env))
      isWritten = true
      await show(kit, issued, input)
    } finally {
      await (isWritten ? place?.close() : place?.discard())
    }
    return {}
  },
})

type Input = Parameters<typeof tokenRenew.run>[1]

function mustFit({ settings }: Kit, { token, tokenFile, env }: Input): void {
  if (token !== undefined && tokenFile !== undefined) {
    refuse('usage-invalid', 'of stdin and --token-file only one can be meant', {
      next: 'leave out the other',
    })
  }
  if (env === undefined) return
  if (settings.output !== 'env') {
    refuse('usage-invalid', '--env names the variable of -o env, which is not asked for', {
      next: 'add -o env',
    })
  }
  if (!/^[A-Za-z_]\w{0,127}$/.test(env)) {
    refuse('usage-invalid', '--env: that is no name of a variable', { next: `--env ${ENV_NAME}` })
  }
}

async function tokenOf(kit: Kit, { token: given, tokenFile }: Input): Promise<string> {
  if (given !== undefined) return mustBeThere(await readToken(kit, given))
  if (tokenFile !== undefined) return mustBeThere((await readInput(kit, tokenFile)).trim())
  return mustBeThere((kit.env[ENV_NAME] ?? '').trim())
}

const mustBeThere = (token: string): string =>
  token === ''
    ? refuse('input-required', 'there is no token to renew', {
        next: `give it on stdin with -, by --token-file FILE, or in $${ENV_NAME}`,
      })
    : token

async function renewed(kit: Kit, token: string, input: Input): Promise<IssuedToken> {
  const { scope, audience, ttl } = input
  const oauth = await kit.oauth()
  const asked = { token, scopes: scope, audience, ttlSeconds: ttl }
  const { token: next, expiresIn } = await oauth.renew(asked).catch((thrown: unknown) => {
    throw explained(kit, token, thrown)
  })
  await mask(kit, next)
  const { trustId: _, credential, ...rest } = received(next)
  const parentId = claimsOf(token)['jti']
  const isClamped = ttl !== undefined && expiresIn < ttl
  if (isClamped) {
    kit.warn(
      `lifetime shortened from ${formatDuration(ttl)} to ${formatDuration(expiresIn)}: policy allows no more`,
    )
  }
  return {
    ...rest,
    expiresIn,
    ...(isClamped ? { clampedFrom: ttl } : {}),
    credential: {
      ...credential,
      ...(typeof parentId === 'string' ? { parentId } : {}),
    },
  }
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  const parsed = parseToken(token)
  return typeof parsed === 'string' ? {} : parsed.claims
}

/** The authority says why to its own log only; what the token itself tells is told here. */
function explained(kit: Kit, token: string, thrown: unknown): unknown {
  if (!(thrown instanceof Problem)) return thrown
  const { jti, client_id: client, exp } = claimsOf(token)
  const expiresAt = dated(exp)
  const hasExpired = expiresAt !== undefined && expiresAt <= kit.clock.now()
  if (thrown.code === 'client-refused') {
    return told(thrown, `client ${String(client)} has credentials, and renews by them only`, {
      next: 'exchange it at the token endpoint, as that client',
    })
  }
  if (thrown.code !== 'subject-refused') return thrown
  return told(
    thrown,
    hasExpired ? `the token expired at ${formatInstant(expiresAt)}` : thrown.message,
    {
      next:
        typeof jti === 'string'
          ? `get a new one; what became of this one is told to its holder at /status/${jti}`
          : 'get a new one',
    },
  )
}

function told({ code, requestId }: Problem, detail: string, more: { readonly next: string }) {
  const problem = new Problem(code, detail, more)
  problem.requestId = requestId
  return problem
}

const textOf = ({ settings }: Kit, issued: IssuedToken, name = ENV_NAME): string =>
  settings.output === 'env' ? envText(issued, name) : tokenLines([issued])

async function show(kit: Kit, issued: IssuedToken, { env, outFile }: Input): Promise<void> {
  const { credential, expiresIn } = issued
  const { output, fields, isQuiet } = kit.settings
  const texts = {
    token: () => tokenLines([issued]),
    env: () => envText(issued, env ?? ENV_NAME),
  }
  const shown: Delivered = outFile === undefined ? issued : withoutToken(issued, outFile)
  if (outFile === undefined || isQuiet || !Object.hasOwn(texts, output)) {
    const { clientId, scopes } = credential
    const line = `Renewed a token of ${clientId} for ${scopes.join(' ')}, valid for ${formatDuration(expiresIn)}.`
    await kit.show(record(issuedShape, shown, { headline: [line], texts }))
  }
  if (isQuiet || !['table', 'wide'].includes(output)) return
  // Alone on its line and never cut, so that it can be copied whole.
  if (outFile === undefined && fields === undefined) await kit.io.out(`\n${issued.token}\n\n`)
  if (outFile !== undefined) kit.hint(`the token is in ${outFile}, which only you can read`)
  kit.hint('the one before it is good until it expires')
}
