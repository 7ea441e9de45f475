import type { Kit } from '#cli/kit.ts'
import { AGENT } from './identity.ts'

/**
 * Has the CI system keep a token out of its log, before anything else is done with it. GitLab has no way to
 * do so at run time.
 */
export async function mask(kit: Kit, token: string): Promise<void> {
  const { env, io } = kit
  // GitHub's runner reads commands on both streams of a step. On stdout they would end up in whatever
  // captures the result, `TOKEN=$(…)` above all; and into a file they would only carry the token.
  if (env['GITHUB_ACTIONS'] === 'true' && !io.isErrFile) io.err(`::add-mask::${token}\n`)
  if (env['BUILDKITE'] === 'true') await redact(kit, token)
}

/** By stdin: what stands in argv can be read by others on the agent's machine. */
async function redact({ env, children, warn }: Kit, token: string): Promise<void> {
  const { status } = await children.capture(
    { command: AGENT, args: ['redactor', 'add'], env },
    token,
  )
  if (status === 0) return
  warn('buildkite-agent could not be told to redact the token: nothing in this job should print it')
}
