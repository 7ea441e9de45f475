import { ciFlags, mustSuitCi } from '#cli/ci/flags.ts'
import { defineCommand } from '#cli/command.ts'
import { type IssuedToken, issuedShape } from '#cli/commands/shapes.ts'
import { duration, integer, keyValue, many, text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import type { Kit, PrivateFile } from '#cli/kit.ts'
import { batch, list, record } from '#cli/view.ts'
import { COUNT_MAX } from '#contract/limits.ts'
import { formatDuration } from '#kernel/duration.ts'
import { refuse } from '#kernel/problem.ts'
import {
  askForClient,
  type Delivered,
  ENV_NAME,
  envText,
  headline,
  tokenLines,
  withoutToken,
} from './issued.ts'

/** More than this in one run is a load test. */
const TOKENS_MAX = 100_000

const flags = {
  client: text('The client that it is for; needed without --ci', {
    placeholder: 'ID',
    complete: 'client',
    ask: askClient,
  }),
  scope: many('What it allows; all that the client may have unless given', {
    placeholder: 'SCOPE',
  }),
  ttl: duration('How long it is valid; policy shortens what is too long, and says so'),
  audience: many('The server that it is for; the client’s first audience unless given', {
    placeholder: 'AUDIENCE',
  }),
  subject: text('For whom it speaks; the client unless given', { placeholder: 'SUBJECT' }),
  tag: keyValue('A tag, by which it can be listed and revoked'),
  justification: text('Why, for the audit log'),
  count: integer('How many', { initial: 1, min: 1, max: TOKENS_MAX }),
  env: text(`Name of the variable under -o env; ${ENV_NAME} unless given`, {
    placeholder: 'NAME',
  }),
  ...ciFlags,
  outFile: text('Write the token to a new file (mode 0600), and not to stdout', {
    placeholder: 'FILE',
    complete: 'file',
  }),
}

/** `credctl token issue`: a token for a client, shown once. */
export const tokenIssue = defineCommand({
  path: ['token', 'issue'],
  summary: 'Issue a token',
  description: [
    'Prints the token this once: from then on there is only its id, by which it is listed and revoked. A lifetime longer than policy allows is shortened, which is said on stderr and, as clampedFrom, in the JSON.',
    'On a terminal, client and scopes that are not named are picked from lists; a script that names no scope gets all that the client may have.',
    'With --ci a job of GitHub Actions, GitLab or Buildkite proves by its identity token what it is, and a trust says which client that makes it: no secret is stored, and none is sent. The token is masked in the log where the system can do that, and goes into $GITHUB_OUTPUT (token, expires-at, credential-id) or a file; it is printed only where -o token, env or a JSON format asks for it. A refusal shows each claim, what was expected and what the job has.',
    'For scripts: -o token prints the token alone, -o env two lines for a shell, and --out-file keeps it out of stdout and thus out of logs.',
  ],
  args: {},
  flags,
  examples: [
    {
      run: 'credctl token issue --client deploy-bot --scope deploy:prod --ttl 10m',
      about: 'A token for ten minutes',
    },
    {
      run: 'TOKEN=$(credctl token issue --client deploy-bot --scope deploy:prod -o token)',
      about: 'Into a variable of a script',
    },
    {
      run: 'export $(credctl token issue --client deploy-bot -o env)',
      about: 'Into the environment: ACCESS_TOKEN and ACCESS_TOKEN_EXPIRES_AT',
    },
    {
      run: 'credctl token issue --ci --server https://auth.example.com --scope deploy:prod',
      about: 'In a CI job, without a secret; on GitHub into the outputs of the step',
    },
    {
      run: 'credctl token issue --client load --count 1000 --tag run=7 -o jsonl > tokens.jsonl',
      about: 'Many at once, one a line',
    },
  ],
  output: [issuedShape],
  formats: {
    token: 'the token alone, one a line',
    env: 'ACCESS_TOKEN=… and ACCESS_TOKEN_EXPIRES_AT=…, for a shell',
  },
  exits: {
    3: 'there is no such client',
    4: 'with --ci: there is no identity token to be had here',
    5: 'the client may not have that, is disabled, or issuing to it is blocked; with --ci also: no trust lets the job in',
    75: 'the authority, or with --ci the CI system, cannot be reached',
  },
  seeAlso: [
    'token list',
    'token verify',
    'token exec',
    'token revoke-self',
    'trust create',
    'revoke',
  ],

  async run(kit, input) {
    mustFit(kit, input)
    if (input.ci) return (await import('./issue-ci.ts')).issueToJob(kit, input)
    const client = input.client ?? (await askForClient(kit))
    const scope = await scopesOf(kit, { ...input, client })
    // Before anything is issued: a token that cannot be written anywhere would be lost.
    const file =
      input.outFile === undefined ? undefined : await kit.files.claimPrivate(input.outFile)
    let written = 0
    const deliver = async (issued: readonly IssuedToken[]): Promise<readonly Delivered[]> => {
      if (file === undefined) return issued
      await file.append(fileText(kit, issued, input.env ?? ENV_NAME))
      written += issued.length
      return issued.map((one) => withoutToken(one, input.outFile ?? ''))
    }
    try {
      await issue(kit, { ...input, client, scope }, deliver)
    } finally {
      await closed(file, written)
    }
    return {}
  },
})

type Given = Parameters<typeof tokenIssue.run>[1]
type Input = Given & { readonly client: string }
type Deliver = (issued: readonly IssuedToken[]) => Promise<readonly Delivered[]>

function mustFit({ settings }: Kit, input: Given): void {
  const { env, count } = input
  mustSuitCi(input, {
    '--client': input.client !== undefined,
    '--subject': input.subject !== undefined,
    '--tag': 0 < Object.keys(input.tag).length,
    '--justification': input.justification !== undefined,
    '--count': count !== 1,
  })
  if (env !== undefined && settings.output !== 'env') {
    refuse('usage-invalid', '--env names the variable of -o env, which is not asked for', {
      next: 'add -o env',
    })
  }
  if (env !== undefined && !/^[A-Za-z_]\w{0,127}$/.test(env)) {
    refuse('usage-invalid', '--env: that is no name of a variable', { next: `--env ${ENV_NAME}` })
  }
  if (settings.output === 'env' && 1 < count) {
    refuse('usage-invalid', '-o env is for one token, and --count asks for more', {
      next: 'use -o token or -o jsonl',
    })
  }
}

/**
 * On a terminal the scopes are picked. A script that names none asks for all that the client has, also
 * one that runs on somebody's terminal: what captures the token is not a person looking at it.
 */
async function scopesOf(kit: Kit, { client, scope }: Input): Promise<readonly string[]> {
  if (0 < scope.length || !kit.isInteractive || !kit.io.isOutTty) return scope
  const { showClient } = await kit.admin()
  const { scopes } = await showClient({ id: client })
  const named = scopes.filter((one) => !one.includes('*'))
  if (named.length < 2) return scope
  return await kit.prompt.checkbox({
    message: 'Scopes:',
    choices: named.map((value) => ({ value })),
    required: true,
  })
}

const closed = (file: PrivateFile | undefined, written: number): Promise<void> | undefined =>
  written === 0 ? file?.discard() : file?.close()

async function issue(kit: Kit, input: Input, deliver: Deliver): Promise<void> {
  const calls = issuing(kit, input)
  if (input.count === 1) {
    for await (const issued of calls) {
      const [one] = await deliver(issued)
      if (one !== undefined) await showOne(kit, one, input)
    }
    return
  }
  const { output, fields, isQuiet } = kit.settings
  if (!isQuiet && (output === 'json' || output === 'yaml')) return showDocument(kit, calls, deliver)
  const isForPeople = (output === 'table' || output === 'wide') && fields === undefined && !isQuiet
  if (!isQuiet && (output === 'token' || isForPeople)) return showTexts(kit, calls, deliver, input)
  // Row by row as they come, however many there are.
  const pages = calls[Symbol.asyncIterator]()
  const next = async () => {
    const { value = [], done } = await pages.next()
    return { items: await deliver(value), nextCursor: done === true ? null : 'more' }
  }
  await kit.show(list(issuedShape, next, { empty: '' }))
}

/** As many calls of the API as it takes; a clamped lifetime is told once. */
async function* issuing(kit: Kit, input: Input): AsyncGenerator<readonly IssuedToken[], undefined> {
  const { issueTokens } = await kit.admin()
  const request = {
    clientId: input.client,
    scopes: some(input.scope),
    audience: some(input.audience),
    subject: input.subject,
    ttlSeconds: input.ttl,
    tags: input.tag,
    justification: input.justification,
  }
  const progress = kit.progress('issuing')
  try {
    for (let done = 0; done < input.count; done += COUNT_MAX) {
      progress.update({ done, total: input.count })
      const count = Math.min(COUNT_MAX, input.count - done)
      const { items } = await issueTokens({ ...request, count })
      if (done === 0) warnClamped(kit, items)
      warnDead(kit, items)
      yield items
    }
  } finally {
    progress.stop()
  }
}

const some = (values: readonly string[]): string[] | undefined =>
  values.length === 0 ? undefined : [...values]

function warnClamped(kit: Kit, [first]: readonly IssuedToken[]): void {
  if (first?.clampedFrom === undefined) return
  const { clampedFrom, expiresIn, credential } = first
  kit.warn(
    `lifetime shortened from ${formatDuration(clampedFrom)} to ${formatDuration(expiresIn)}: policy allows client ${credential.clientId} no more`,
  )
}

/** Under an idempotency key an earlier answer is given again, and much may have happened since. */
function warnDead(kit: Kit, items: readonly IssuedToken[]): void {
  const dead = items.filter(({ credential }) => credential.state !== 'active')
  const [first] = dead
  if (first === undefined) return
  const { id, state } = first.credential
  const more = dead.length === 1 ? '' : `, and ${dead.length - 1} more likewise`
  kit.warn(
    `issued before under this idempotency key, and no longer active: ${id} is ${state}${more}`,
  )
}

async function showOne(
  kit: Kit,
  issued: Delivered,
  { env = ENV_NAME, outFile }: Input,
): Promise<void> {
  const { credential } = issued
  const { output, fields, isQuiet } = kit.settings
  const texts = {
    token: () => ('token' in issued ? issued.token : ''),
    env: () => ('token' in issued ? envText(issued, env) : ''),
  }
  if (outFile === undefined || isQuiet || !Object.hasOwn(texts, output)) {
    await kit.show(record(issuedShape, issued, { headline: [headline([issued])], texts }))
  }
  if (isQuiet || !['table', 'wide'].includes(output)) return
  // Alone on its line and never cut, so that it can be copied whole.
  if ('token' in issued && fields === undefined) await kit.io.out(`\n${issued.token}\n\n`)
  if (outFile !== undefined) kit.hint(`the token is in ${outFile}, which only you can read`)
  kit.hint(`to revoke it: credctl revoke --token ${credential.id} --reason superseded`)
}

/** One document, of all that was issued: if a later call is refused, of what the earlier ones gave. */
async function showDocument(
  kit: Kit,
  calls: AsyncIterable<readonly IssuedToken[]>,
  deliver: Deliver,
): Promise<void> {
  const items: Delivered[] = []
  try {
    for await (const issued of calls) for (const one of await deliver(issued)) items.push(one)
  } finally {
    if (0 < items.length) await kit.show(batch(issuedShape, items))
  }
}

/** The tokens, one a line; for people with a sentence before them. */
async function showTexts(
  kit: Kit,
  calls: AsyncIterable<readonly IssuedToken[]>,
  deliver: Deliver,
  { count, outFile }: Input,
): Promise<void> {
  const isForPeople = kit.settings.output !== 'token'
  let isFirst = true
  for await (const issued of calls) {
    const [first] = await deliver(issued)
    if (first === undefined) return
    if (isFirst && isForPeople) await kit.io.out(`${headline(issued, count)}\n`)
    if (outFile === undefined) {
      await kit.io.out(`${isFirst && isForPeople ? '\n' : ''}${tokenLines(issued)}`)
    }
    isFirst = false
  }
  if (!isForPeople) return
  if (outFile !== undefined) kit.hint(`the tokens are in ${outFile}, which only you can read`)
  kit.hint('their ids, and all else about them: credctl token list, or -o json')
}

const fileText = ({ settings }: Kit, issued: readonly IssuedToken[], name: string): string =>
  settings.output === 'env' ? issued.map((one) => envText(one, name)).join('') : tokenLines(issued)
