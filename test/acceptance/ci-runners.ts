import { chmod, readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import type { JobClaims } from './ci-issuer.ts'
import type { CiStage } from './ci-stage.ts'

/** What became of a job, as its system shows it. */
export interface JobRan {
  readonly status: number
  /** With what is masked masked. */
  readonly log: string
  /** What the system was told to mask. */
  readonly masked: readonly string[]
}

type Env = Readonly<Record<string, string>>

interface Workflow {
  readonly env?: Env
  readonly jobs: Readonly<Record<string, GithubJob>>
}
interface GithubJob {
  readonly permissions?: Readonly<Record<string, string>>
  readonly steps: readonly GithubStep[]
}
interface GithubStep {
  readonly id?: string
  readonly if?: string
  readonly run?: string
  readonly env?: Env
}

/**
 * GitHub’s runner, as far as it matters here: a step’s streams are one log in which commands are read, its
 * outputs are lines of a file, a step that fails skips those that do not say otherwise, and only a job with
 * `id-token: write` may ask what it is.
 */
export async function runGithub(
  { machine, ci, env }: CiStage,
  { file, job: name, claims }: { file: string; job: string; claims: JobClaims },
): Promise<JobRan> {
  const workflow = parse(file) as Workflow
  const job = workflow.jobs[name]
  if (job === undefined) throw new Error(`there is no job ${name}`)
  const mayAsk = job.permissions?.['id-token'] === 'write'
  const identity = Object.fromEntries(
    Object.entries(ci.github(claims).env).filter(
      ([variable]) => mayAsk || !variable.startsWith('ACTIONS_ID_TOKEN'),
    ),
  )
  const outputs = new Map<string, string>()
  const masked: string[] = []
  let log = ''
  let status = 0
  for (const [index, step] of job.steps.entries()) {
    if (step.run === undefined || !isDue(step.if, status, outputs)) continue
    const outputFile = await machine.write(`outputs-${name}-${index}`, '')
    const given = Object.entries(step.env ?? {}).map(([key, value]) => [
      key,
      filled(value, outputs),
    ])
    const ran = await machine.shell(step.run, {
      env: {
        ...env,
        ...workflow.env,
        ...identity,
        GITHUB_OUTPUT: outputFile,
        ...(Object.fromEntries(given) as Env),
      },
    })
    for (const line of [...ran.out.split('\n'), ...ran.err.split('\n')]) {
      const [, value] = /^::add-mask::(.+)$/.exec(line) ?? []
      if (value === undefined) log += `${line}\n`
      else masked.push(value)
    }
    for (const [key, value] of parseOutputs(await readFile(outputFile, 'utf8'))) {
      outputs.set(`steps.${step.id}.outputs.${key}`, value)
    }
    status ||= ran.status
  }
  return { status, log: hidden(log, masked), masked }
}

/** `name=value`, or `name<<delimiter`, the value, the delimiter. */
export function parseOutputs(text: string): Map<string, string> {
  const found = new Map<string, string>()
  const lines = text.split('\n')
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const [, name = '', delimiter] = /^([^=<]+)<<(.+)$/.exec(line) ?? []
    if (delimiter !== undefined) {
      const end = lines.indexOf(delimiter)
      found.set(
        name,
        lines
          .splice(0, end + 1)
          .slice(0, -1)
          .join('\n'),
      )
    } else if (line.includes('=')) {
      found.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1))
    }
  }
  return found
}

function isDue(
  condition: string | undefined,
  status: number,
  outputs: Map<string, string>,
): boolean {
  if (condition === undefined) return status === 0
  return condition.split('&&').every((part) => {
    if (part.trim() === 'always()') return true
    const [, name = ''] = /^\s*(\S+) != ''\s*$/.exec(part) ?? []
    if (name === '') throw new Error(`this runner does not understand ${part}`)
    return (outputs.get(name) ?? '') !== ''
  })
}

const filled = (text: string, outputs: Map<string, string>): string =>
  text.replaceAll(/\$\{\{\s*(\S+)\s*\}\}/g, (_, name: string) => outputs.get(name) ?? '')

const hidden = (log: string, masked: readonly string[]): string =>
  masked.reduce((text, secret) => text.replaceAll(secret, '***'), log)

interface GitlabJob {
  readonly extends?: string
  readonly id_tokens?: Readonly<Record<string, { readonly aud: string }>>
  readonly variables?: Env
  readonly before_script?: readonly string[]
  readonly script?: readonly string[]
  readonly after_script?: readonly string[]
}

/** GitLab’s: it signs a token for every name under `id_tokens`, and runs `after_script` in any case. */
export async function runGitlab(
  { machine, ci, env }: CiStage,
  { file, job: name, claims }: { file: string; job: string; claims: JobClaims },
): Promise<JobRan> {
  const pipeline = parse(file) as Record<string, GitlabJob> & { readonly variables?: Env }
  const own = pipeline[name]
  const job: GitlabJob = { ...(own?.extends === undefined ? {} : pipeline[own.extends]), ...own }
  const tokens: Record<string, string> = {}
  for (const [variable, { aud }] of Object.entries(job.id_tokens ?? {})) {
    tokens[variable] = await ci.sign(aud, claims)
  }
  const given = {
    ...env,
    ...pipeline.variables,
    ...job.variables,
    ...tokens,
    GITLAB_CI: 'true',
    CI_PROJECT_DIR: machine.path('project'),
  }
  const lines = [...(job.before_script ?? []), ...(job.script ?? [])]
  const main = await machine.shell(lines.join('\n'), { env: given })
  const after = await machine.shell((job.after_script ?? []).join('\n'), { env: given })
  return { status: main.status, log: main.out + main.err + after.out + after.err, masked: [] }
}

interface BuildkiteStep {
  readonly key: string
  readonly command: readonly string[]
}

/** Buildkite’s claims that are in a token only where they are asked for. */
const OPTIONAL = ['organization_id', 'pipeline_id', 'build_id', 'cluster_id', 'queue_key']

/** Buildkite’s: the agent is a program on the PATH, which speaks to whoever runs the job. */
export async function runBuildkite(
  { machine, ci, env }: CiStage,
  { file, key, claims }: { file: string; key: string; claims: JobClaims },
): Promise<JobRan> {
  const pipeline = parse(file) as { readonly env?: Env; readonly steps: readonly BuildkiteStep[] }
  const step = pipeline.steps.find((one) => one.key === key)
  const redacted = await machine.write('redacted', '')
  const agent = agentProgram({
    mintUrl: ci.mintUrl,
    claims: { ...claims, step_key: key },
    redacted,
  })
  await chmod(await machine.write('bin/buildkite-agent', agent), 0o700)
  const ran = await machine.shell((step?.command ?? []).join('\n'), {
    env: { ...env, ...pipeline.env, BUILDKITE: 'true' },
  })
  const masked = (await machine.read('redacted')).split('\n').filter((line) => line !== '')
  return { status: ran.status, log: hidden(ran.out + ran.err, masked), masked }
}

/** Of the agent’s command line what `credctl` uses, taken at its word: anything else ends it with 1. */
const agentProgram = (options: {
  readonly mintUrl: string
  readonly claims: JobClaims
  readonly redacted: string
}): string => `#!/usr/bin/env node
const { mintUrl, claims, redacted } = ${JSON.stringify(options)}
const { readFileSync, appendFileSync } = require('node:fs')
const words = process.argv.slice(2)
if (words.join(' ') === 'redactor add') {
  appendFileSync(redacted, readFileSync(0, 'utf8').trim() + '\\n')
} else if (words.length === 6 && words.slice(0, 3).join(' ') === 'oidc request-token --audience' && words[4] === '--claim') {
  const asked = words[5].split(',')
  const left = Object.entries(claims).filter(([name]) => !${JSON.stringify(OPTIONAL)}.includes(name) || asked.includes(name))
  const body = JSON.stringify({ audience: words[3], claims: Object.fromEntries(left) })
  fetch(mintUrl, { method: 'POST', body }).then((answer) => answer.json()).then(({ value }) => console.log(value))
} else {
  console.error('fatal: unknown command')
  process.exitCode = 1
}
`
