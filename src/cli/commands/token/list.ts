import { defineCommand } from '#cli/command.ts'
import { credentialListShape } from '#cli/commands/shapes.ts'
import { keyValue, oneOf, text, time } from '#cli/flags.ts'
import { list } from '#cli/view.ts'
import { credentialStates } from '#contract/words.ts'
import { formatInstant, type Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'

/** `credctl token list`: what has been issued, to whom, and whether it is still accepted. */
export const tokenList = defineCommand({
  path: ['token', 'list'],
  summary: 'List what was issued, the newest first; never the tokens themselves',
  description: [
    'The id is a handle: it names a token and opens nothing. The state is the first of revoked, suspended, expired and active that holds now. Expired tokens stay on the list as long as policy keeps them.',
    'Filters all have to hold. A list of any length is streamed; under json it comes in pages of --limit, and nextCursor is what --cursor takes.',
  ],
  args: {},
  flags: {
    client: text('Only those of a client', { placeholder: 'ID', complete: 'client' }),
    subject: text('Only those for a subject', { placeholder: 'SUBJECT' }),
    scope: text('Only those that carry a scope, or one below a pattern such as deploy:*', {
      placeholder: 'SCOPE',
    }),
    audience: text('Only those for an audience', { placeholder: 'AUDIENCE' }),
    state: oneOf(credentialStates, 'Only those in a state'),
    session: text('Only those of a sign-in', { placeholder: 'ID' }),
    key: text('Only those that a key signed', { placeholder: 'ID', complete: 'key' }),
    createdBy: text('Only those that an actor issued, such as local:root', {
      placeholder: 'ACTOR',
    }),
    tag: keyValue('Only those with a tag'),
    issuedAfter: time('Only those issued from a time on'),
    issuedBefore: time('Only those issued before a time'),
    expiresBefore: time('Only those that expire before a time', { ahead: true }),
  },
  examples: [
    { run: 'credctl token list --state active', about: 'What is accepted now' },
    {
      run: 'credctl token list --client deploy-bot --issued-after 2h -o wide',
      about: 'What a client got in the last two hours, with all that is known of it',
    },
    {
      run: 'credctl token list --tag run=4711 -q | credctl revoke --from - --reason superseded --yes',
      about: 'Revoke the tokens of one pipeline run',
    },
  ],
  output: [credentialListShape],
  isPaged: true,
  seeAlso: ['token show', 'token issue', 'revoke'],

  async run(kit, input) {
    const filter = {
      clientId: input.client,
      subject: input.subject,
      scope: input.scope,
      audience: input.audience,
      state: input.state,
      sessionId: input.session,
      keyId: input.key,
      createdBy: input.createdBy,
      tag: onlyTag(input.tag),
      issuedAfter: formatted(input.issuedAfter),
      issuedBefore: formatted(input.issuedBefore),
      expiresBefore: formatted(input.expiresBefore),
    }
    const isFiltered = Object.values(filter).some((value) => value !== undefined)
    const { listCredentials } = await kit.admin()
    return {
      view: list(credentialListShape, (page) => listCredentials({ ...filter, ...page }), {
        empty: isFiltered
          ? 'There are no such tokens.'
          : 'Nothing has been issued yet. Issue a token: credctl token issue --client ID',
      }),
    }
  },
})

function onlyTag(tags: Readonly<Record<string, string>>): string | undefined {
  const [first, ...more] = Object.entries(tags)
  if (0 < more.length) refuse('usage-invalid', '--tag: a list is filtered by one tag at a time')
  return first === undefined ? undefined : `${first[0]}=${first[1]}`
}

const formatted = (at: Instant | undefined): string | undefined =>
  at === undefined ? undefined : formatInstant(at)
