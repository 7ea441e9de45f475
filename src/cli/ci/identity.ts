import type { Environment, Kit } from '#cli/kit.ts'
import { parseToken } from '#contract/token.ts'
import { refuse } from '#kernel/problem.ts'

export const identitySources = ['github-actions', 'buildkite', 'file', 'variable'] as const
/** Where a job's identity token comes from. GitLab puts it into a variable. */
type IdentitySource = (typeof identitySources)[number]

const VARIABLE = 'CREDCTL_ID_TOKEN'
const FILE_VARIABLE = 'CREDCTL_ID_TOKEN_FILE'
/**
 * Of Buildkite’s claims those that never change hands. It puts them in only where they are asked for, and a
 * trust must bind one.
 */
const LASTING_CLAIMS = ['organization_id', 'pipeline_id']

interface Asked {
  readonly idTokenFrom: IdentitySource | undefined
  readonly idTokenFile: string | undefined
  readonly idTokenVariable: string | undefined
}

/**
 * The identity token of the job that this runs in. `audience` is asked for it only where one can be chosen:
 * GitLab's is fixed in the job's own file. Refusals: `identity-missing`, `usage-invalid`,
 * `runner-unreachable`, `token-malformed`.
 */
export async function jobIdentity(
  kit: Kit,
  asked: Asked,
  audience: () => Promise<string>,
): Promise<string> {
  const source = sourceOf(kit, asked)
  const token = (await READ[source](kit, asked, audience)).trim()
  if (typeof parseToken(token) !== 'string') return token
  return refuse('token-malformed', `what ${NAMES[source]} gave is no identity token (a JWT)`, {
    next: `look what is there: ${hintOf(kit)}`,
  })
}

/** What was named, then what somebody has put there on purpose, then what the system itself has. */
function sourceOf(kit: Kit, { idTokenFrom, idTokenFile, idTokenVariable }: Asked) {
  if (idTokenFrom !== undefined) return idTokenFrom
  const named = sources({
    file: idTokenFile !== undefined,
    variable: idTokenVariable !== undefined,
  })
  const { env } = kit
  const put = sources({ file: isSet(env[FILE_VARIABLE]), variable: isSet(env[VARIABLE]) })
  const own = sources({
    'github-actions': mayAskGithub(env),
    buildkite: env['BUILDKITE'] === 'true',
  })
  const [first, second] = [named, put, own].find((some) => 0 < some.length) ?? []
  if (first === undefined) return refuseMissing(kit)
  if (second === undefined) return first
  return refuse('usage-invalid', `there are two identity tokens: of ${first} and of ${second}`, {
    next: `say which: --id-token-from ${first}`,
  })
}

const sources = (given: Partial<Record<IdentitySource, boolean>>): IdentitySource[] =>
  identitySources.filter((source) => given[source] === true)

const isSet = (value: string | undefined): value is string => value !== undefined && value !== ''

const mayAskGithub = (env: Environment): boolean =>
  isSet(env['ACTIONS_ID_TOKEN_REQUEST_URL']) && isSet(env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'])

type Read = (kit: Kit, asked: Asked, audience: () => Promise<string>) => Promise<string>

const READ: Readonly<Record<IdentitySource, Read>> = {
  'github-actions': async (kit, _, audience) => {
    const { env, web } = kit
    const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = env
    if (!isSet(url) || !isSet(bearer)) {
      return refuseMissing({ ...kit, env: { ...env, GITHUB_ACTIONS: 'true' } })
    }
    const join = url.includes('?') ? '&' : '?'
    const asking = `${url}${join}audience=${encodeURIComponent(await audience())}`
    const { status, body } = await web.getJson(asking, { bearer })
    const value = (body as { readonly value?: unknown } | null | undefined)?.value
    if (status === 200 && typeof value === 'string') return value
    return refuse('identity-missing', `GitHub gave no identity token, and answered ${status}`, {
      next: `the job needs ${GITHUB_HINT}`,
      facts: { status },
    })
  },
  async buildkite({ env, children }, _, audience) {
    const also = env['BUILDKITE_OIDC_TOKEN_CLAIMS']?.split(',').filter(isSet) ?? []
    const claims = [...new Set([...LASTING_CLAIMS, ...also])].join(',')
    const args = ['oidc', 'request-token', '--audience', await audience(), '--claim', claims]
    const { status, out, err } = await children.capture({ command: AGENT, args, env }, '')
    if (status === 0) return out
    const why = status === 127 ? 'there is no buildkite-agent on the PATH' : lastLine(err)
    return refuse('identity-missing', `buildkite-agent gave no identity token: ${why}`, {
      next: BUILDKITE_HINT,
      facts: { status },
    })
  },
  async file({ env, files }, { idTokenFile = env[FILE_VARIABLE] }) {
    if (isSet(idTokenFile)) return files.readText(idTokenFile)
    return refuse('usage-invalid', 'the file that holds the identity token is not named', {
      next: `--id-token-file FILE, or set ${FILE_VARIABLE}`,
    })
  },
  async variable({ env }, { idTokenVariable = VARIABLE }) {
    const value = env[idTokenVariable]
    if (isSet(value)) return value
    return refuse('identity-missing', `variable ${idTokenVariable} holds no identity token`, {
      next: `set it; in GitLab: ${gitlabHint(env, idTokenVariable)}`,
    })
  },
}

export const AGENT = 'buildkite-agent'

const NAMES: Readonly<Record<IdentitySource, string>> = {
  'github-actions': 'GitHub',
  buildkite: 'buildkite-agent',
  file: 'the file',
  variable: 'the variable',
}

const lastLine = (text: string): string =>
  text.trim().split('\n').at(-1)?.slice(0, 200) || 'it said nothing'

const GITHUB_HINT = 'permissions: { id-token: write, contents: read }'
const BUILDKITE_HINT =
  'run the step where the agent is (in a container: mount it), in a job of its own'
const gitlabHint = ({ CREDCTL_SERVER: server }: Environment, name = VARIABLE): string =>
  `id_tokens: { ${name}: { aud: ${isSet(server) ? server : 'https://AUTHORITY'} } }`

const hintOf = ({ env }: Kit): string => {
  if (env['GITHUB_ACTIONS'] === 'true') return GITHUB_HINT
  return env['BUILDKITE'] === 'true' ? BUILDKITE_HINT : gitlabHint(env)
}

/** Says what to write into which file: whoever reads it has that file open. */
function refuseMissing({ env, hint }: Kit): never {
  const facts = {
    'github-actions': GITHUB_HINT,
    gitlab: gitlabHint(env),
    buildkite: BUILDKITE_HINT,
  }
  if (env['GITHUB_ACTIONS'] === 'true') {
    refuse('identity-missing', 'this GitHub Actions job may not ask for an identity token', {
      next: `give the job ${GITHUB_HINT}; a pull request from a fork never gets one`,
      facts,
    })
  }
  if (env['GITLAB_CI'] === 'true') {
    refuse('identity-missing', `this GitLab job has no identity token in ${VARIABLE}`, {
      next: `give the job ${facts.gitlab}`,
      facts,
    })
  }
  hint('What a job needs in order to say what it is:')
  hint(`  GitHub Actions  ${facts['github-actions']}`)
  hint(`  GitLab          ${facts.gitlab}`)
  hint(`  Buildkite       ${facts.buildkite}`)
  hint(`  elsewhere       --id-token-file FILE, or the variable ${VARIABLE}`)
  refuse('identity-missing', 'this is no CI job that could say what it is', {
    next: 'give the job what its CI system asks for, or name the token: --id-token-file FILE',
    facts,
  })
}
