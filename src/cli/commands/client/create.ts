import { defineCommand } from '#cli/command.ts'
import { createdClientShape } from '#cli/commands/shapes.ts'
import { shellQuote } from '#cli/confirm.ts'
import { file, keyValue, many, oneOf, text } from '#cli/flags.ts'
import { readInput } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { record } from '#cli/view.ts'
import { authMethods, tiers } from '#contract/words.ts'
import { refuse } from '#kernel/problem.ts'
import { readKeys, showSecret } from './proofs.ts'

/** What the authority takes as an imported secret; a shorter one could be guessed. */
const SECRET_CHARACTERS_MIN = 16

/** `credctl client create`: registers what may ask for tokens. */
export const clientCreate = defineCommand({
  path: ['client', 'create'],
  summary: 'Register a client',
  description: [
    'A client is what may ask for tokens. It never gets a scope or an audience that it is not registered for; a pattern such as deploy:* allows every scope below it. The first audience is that of a token whose request names none; without any it is the issuer.',
    'With --auth secret a secret of 256 bits is made and shown once; only a keyed hash of it is kept. --secret-file imports one instead. With --auth private-key-jwt the client signs, and --key gives its public key: a JWK or JWK Set in JSON, or PEM. With none, only an administrator issues for it.',
  ],
  args: {
    id: text('Its name: letters, digits, `.`, `_` and `-`', { required: true, placeholder: 'ID' }),
  },
  flags: {
    scope: many('A scope or pattern that it may ask for', {
      required: true,
      placeholder: 'SCOPE',
      ask: askScopes,
    }),
    tier: oneOf(tiers, 'What is at stake; policy is stricter with a higher one', {
      initial: 'standard',
    }),
    audience: many('An audience that its tokens may be for', { placeholder: 'AUDIENCE' }),
    auth: oneOf(authMethods, 'How it proves itself', { initial: 'none' }),
    key: file('Its public key (JWK, JWK Set or PEM), - for stdin'),
    secretFile: file('A secret to import, - for stdin'),
    tag: keyValue('A tag'),
  },
  examples: [
    {
      run: 'credctl client create deploy-bot --scope deploy:prod --scope deploy:staging',
      about: 'A client for which an administrator issues',
    },
    {
      run: 'credctl client create api --scope read --auth secret -o json | jq -r .clientSecret',
      about: 'A client with a secret, which goes to whoever keeps it',
    },
    {
      run: "credctl client create ci --scope 'deploy:*' --auth private-key-jwt --key ci.jwk.json",
      about: 'A client that signs',
    },
  ],
  output: [createdClientShape],
  exits: { 8: 'a client of that name exists' },
  seeAlso: ['token issue', 'client update', 'client list'],

  async run(kit, { id, scope, tier, audience, auth, key, secretFile, tag }) {
    const keys = key === undefined ? [] : await readKeys(kit, key)
    const secret = secretFile === undefined ? undefined : await readSecret(kit, secretFile)
    const { createClient } = await kit.admin()
    const created = await createClient({
      id,
      scopes: [...scope],
      tier,
      audiences: [...audience],
      auth,
      keys,
      tags: tag,
      ...(secret === undefined ? {} : { secret }),
    })
    await kit.show(
      record(createdClientShape, created, {
        headline: [`Registered client ${created.client.id}.`],
      }),
    )
    if (created.clientSecret !== undefined) await showSecret(kit, created.clientSecret, id)
    const [first = ''] = scope
    const wanted = first.includes('*') ? '' : ` --scope ${shellQuote(first)}`
    kit.hint(`next: credctl token issue --client ${id}${wanted} --ttl 10m`)
    return {}
  },
})

async function askScopes(kit: Kit): Promise<readonly string[]> {
  const answer = await kit.prompt.input({
    message: 'Scopes that it may ask for, separated by blanks or commas:',
    validate: (given) => (split(given).length === 0 ? 'at least one' : undefined),
  })
  return split(answer)
}

const split = (text: string): readonly string[] => text.split(/[\s,]+/).filter((one) => one !== '')

/** One line; the line end that an editor adds is not part of it. */
async function readSecret(kit: Kit, path: string): Promise<string> {
  const secret = (await readInput(kit, path)).replace(/\r?\n$/, '')
  if (secret.length < SECRET_CHARACTERS_MIN) {
    refuse(
      'request-invalid',
      `--secret-file: a secret has at least ${SECRET_CHARACTERS_MIN} characters`,
      { next: 'leave --secret-file out, and a secret of 256 bits is made' },
    )
  }
  return secret
}
