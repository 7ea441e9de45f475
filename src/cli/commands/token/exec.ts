import { exchangeIdentity } from '#cli/ci/exchange.ts'
import { ciFlags, mustSuitCi } from '#cli/ci/flags.ts'
import { defineCommand } from '#cli/command.ts'
import type { IssuedToken } from '#cli/commands/shapes.ts'
import { duration, many, rest, text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import type { Environment, Kit } from '#cli/kit.ts'
import { formatDuration } from '#kernel/duration.ts'
import { type Problem, refuse, toProblem } from '#kernel/problem.ts'
import { askForClient, ENV_NAME } from './issued.ts'

/** In the child's environment: what is in it was put there by one of us. */
const MARK = 'CREDCTL_EXEC'
/** Long enough for most work, and no longer than a leak should last where nobody revokes it. */
const TTL_SECONDS = 600

/**
 * What a child must not inherit: it gets the one token that it was started with, and neither the
 * operator's nor what a CI system or a cloud would give another one for.
 */
const SCRUBBED: readonly string[] = [
  'ACCESS_TOKEN',
  'ACCESS_TOKEN_EXPIRES_AT',
  'CREDCTL_TOKEN',
  'CREDCTL_ID_TOKEN',
  'CREDCTL_ID_TOKEN_FILE',
  'CREDCTL_KEY_ENCRYPTION_KEY',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  // Buildkite’s agent hands out identity tokens for it, and Azure’s pipelines for the next two.
  'BUILDKITE_AGENT_ACCESS_TOKEN',
  'SYSTEM_ACCESSTOKEN',
  'SYSTEM_OIDCREQUESTURI',
  // Identity tokens themselves: of GitLab as it was, Bitbucket, CircleCI, and of workloads in a cloud.
  'CI_JOB_JWT',
  'CI_JOB_JWT_V1',
  'CI_JOB_JWT_V2',
  'BITBUCKET_STEP_OIDC_TOKEN',
  'CIRCLE_OIDC_TOKEN',
  'CIRCLE_OIDC_TOKEN_V2',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AZURE_FEDERATED_TOKEN_FILE',
]

/** `credctl token exec`: a token for as long as a program runs. */
export const tokenExec = defineCommand({
  path: ['token', 'exec'],
  summary: 'Run a program with a token that lives as long as it does',
  description: [
    'Issues a token, runs the program with it in its environment, and revokes it when the program ends, however it ends; an expired one counts as revoked. The program’s exit status is passed on, as 128 and the signal’s number where one ended it; signals that come here go on to it.',
    'Variables that hold another credential of the authority, or an identity that could be exchanged for one, are taken out of its environment, unless --keep-env names them: `credctl` has its own there, GitHub, GitLab, Buildkite, Azure, Bitbucket, CircleCI and AWS theirs. Inside of it exec refuses to run again: a token for a part of the work is asked for outside.',
    'With --ci the token is got by the identity token of the CI job, under a trust, and is ended by holding it: no secret is stored anywhere. `credctl token issue --help` says more.',
    'Where this process itself is killed (SIGKILL), nobody revokes, and the token expires: keep --ttl short.',
  ],
  args: {
    command: rest('The program and its arguments', { required: true, placeholder: 'COMMAND' }),
  },
  flags: {
    client: text('The client that it is for; needed without --ci', {
      placeholder: 'ID',
      complete: 'client',
      ask: askClient,
    }),
    scope: many('What it allows; all that the client may have unless given', {
      placeholder: 'SCOPE',
    }),
    ttl: duration('How long it is valid at most; 10m unless given'),
    audience: many('The server that it is for; the client’s first audience unless given', {
      placeholder: 'AUDIENCE',
    }),
    subject: text('For whom it speaks; the client unless given', { placeholder: 'SUBJECT' }),
    ...ciFlags,
    env: text(`Name of the variable; ${ENV_NAME} unless given`, { placeholder: 'NAME' }),
    keepEnv: many('A variable to hand down although it holds a credential', {
      placeholder: 'NAME',
    }),
    justification: text('Why, for the audit log'),
  },
  isPassThrough: true,
  examples: [
    {
      run: 'credctl token exec --client deploy-bot --scope deploy:prod -- ./deploy.sh',
      about: 'No token is left when the script ends',
    },
    {
      run: 'credctl token exec --client deploy-bot --env DEPLOY_TOKEN --ttl 5m -- make deploy',
      about: 'Under another name, for five minutes at most',
    },
    {
      run: 'credctl token exec --ci --scope deploy:prod -- ./deploy.sh',
      about: 'In a CI job, without a secret',
    },
  ],
  output: [],
  exits: {
    2: 'the command line is wrong, or it runs inside of itself already',
    4: 'with --ci: there is no identity token to be had here',
    5: 'the client may not have that; with --ci also: no trust lets the job in',
    126: 'the program cannot be run',
    127: 'there is no such program',
  },
  seeAlso: ['token issue', 'token revoke-self', 'revoke'],

  async run(kit, input) {
    const name = input.env ?? ENV_NAME
    mustBeName(name)
    mustNotNest(kit)
    mustSuitCi(input, {
      '--client': input.client !== undefined,
      '--subject': input.subject !== undefined,
      '--justification': input.justification !== undefined,
    })
    const [command, ...args] = input.command
    if (command === undefined) {
      return refuse('usage-invalid', 'the program to run is missing', {
        next: 'credctl token exec --client deploy-bot -- ./deploy.sh',
      })
    }
    const { issue, revoke } = input.ci ? byIdentity : byAdministrator
    let issued: IssuedToken | undefined
    const status = await kit.children.runBetween(
      async () => {
        issued = await issue(kit, input)
        const { idTokenVariable } = input
        const scrubbed = [...SCRUBBED, idTokenVariable].filter(
          (one) => one !== undefined && !input.keepEnv.includes(one),
        )
        return { command, args, env: environmentOf(kit.env, name, issued, scrubbed) }
      },
      async () => {
        if (issued !== undefined) await revoked(kit, issued, revoke)
      },
    )
    return { status }
  },
})

type Input = Parameters<typeof tokenExec.run>[1]

function mustBeName(name: string): void {
  if (/^[A-Za-z_]\w{0,127}$/.test(name)) return
  refuse('usage-invalid', '--env: that is no name of a variable', { next: `--env ${ENV_NAME}` })
}

/** A token inside a token's life would outlive whoever answers for it, and nobody could say whose it is. */
function mustNotNest({ env }: Kit): void {
  if (env[MARK] === undefined) return
  refuse('usage-invalid', 'this runs inside of `credctl token exec` already', {
    next: 'issue what is needed outside of it, or in two programs one after the other',
  })
}

/** Where a token comes from, and how it is ended by the same right. */
interface Source {
  readonly issue: (kit: Kit, input: Input) => Promise<IssuedToken>
  /** Refusal `nothing-matched`, or none, where nothing of it is left. */
  readonly revoke: (kit: Kit, issued: IssuedToken) => Promise<unknown>
}

const byIdentity: Source = {
  issue: (kit, input) => exchangeIdentity(kit, { ...input, ttl: input.ttl ?? TTL_SECONDS }),
  revoke: async (kit, { token }) => (await kit.oauth()).revokeSelf(token),
}

const byAdministrator: Source = {
  issue: issueAsAdministrator,
  async revoke(kit, { credential }) {
    const { revoke } = await kit.admin()
    return revoke({ selector: { tokens: [credential.id] }, reason: 'sign-out' })
  },
}

async function issueAsAdministrator(kit: Kit, input: Input): Promise<IssuedToken> {
  const clientId = input.client ?? (await askForClient(kit))
  const { issueTokens } = await kit.admin()
  const { items } = await issueTokens({
    clientId,
    ...(input.scope.length === 0 ? {} : { scopes: [...input.scope] }),
    ...(input.audience.length === 0 ? {} : { audience: [...input.audience] }),
    ...(input.subject === undefined ? {} : { subject: input.subject }),
    ...(input.justification === undefined ? {} : { justification: input.justification }),
    ttlSeconds: input.ttl ?? TTL_SECONDS,
    count: 1,
  })
  const [issued] = items
  if (issued === undefined) return refuse('internal', 'no token came back')
  if (issued.clampedFrom !== undefined) {
    const { clampedFrom, expiresIn } = issued
    kit.warn(
      `the lifetime was shortened from ${formatDuration(clampedFrom)} to ${formatDuration(expiresIn)}, which is what policy allows`,
    )
  }
  return issued
}

function environmentOf(
  inherited: Environment,
  name: string,
  { token, credential }: IssuedToken,
  scrubbed: readonly (string | undefined)[],
): Environment {
  const kept = Object.entries(inherited).filter(([key]) => !scrubbed.includes(key))
  return {
    ...Object.fromEntries(kept),
    [name]: token,
    [`${name}_EXPIRES_AT`]: credential.expiresAt,
    [MARK]: credential.id,
  }
}

/**
 * Revokes the token whatever the program did. That nothing is left of it is success; that it cannot be
 * revoked now is said and does not hide how the program ended: the token expires by itself.
 */
async function revoked(kit: Kit, issued: IssuedToken, revoke: Source['revoke']): Promise<void> {
  const { credential } = issued
  const failure = await failureOf(() => revoke(kit, issued))
  if (failure === undefined) return
  // A program may run for longer than its administrator's own token lives; to hold this one is enough.
  const isAlive = failure.code !== 'authority-unreachable'
  const byItself = isAlive
    ? await failureOf(async () => (await kit.oauth()).revokeSelf(issued.token))
    : failure
  if (byItself === undefined) return
  kit.warn(
    `${credential.id} could not be revoked (${failure.message}); it expires at ${credential.expiresAt}`,
  )
}

async function failureOf(work: () => Promise<unknown>): Promise<Problem | undefined> {
  try {
    await work()
    return undefined
  } catch (thrown) {
    const problem = toProblem(thrown)
    return problem.code === 'nothing-matched' ? undefined : problem
  }
}
