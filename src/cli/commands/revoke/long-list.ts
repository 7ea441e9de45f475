import type { Kit } from '#cli/kit.ts'
import { isForPrograms } from '#cli/render/failure.ts'
import { SELECTOR_VALUES_MAX } from '#contract/limits.ts'
import { refuse } from '#kernel/problem.ts'

/**
 * Draws up an exact list at the authority, part by part, and answers with its id, by which it is
 * revoked. The id is told before the first part is sent: whoever was cut short goes on from there.
 */
export async function sendList(
  kit: Kit,
  tokens: readonly string[],
  resume: string | undefined,
): Promise<string> {
  const admin = await kit.admin()
  const begun =
    resume === undefined
      ? await admin.createSelection({})
      : await admin.showSelection({ id: resume })
  const { id } = begun
  if (tokens.length < begun.tokens) {
    refuse(
      'usage-invalid',
      `${id} holds ${begun.tokens} tokens, and only ${tokens.length} are named`,
      {
        next: 'name the same list as before, or begin anew without --resume',
      },
    )
  }
  say(kit, `selection ${id}: if this is cut short, run the same command with --resume ${id}`)
  const progress = kit.progress('Sending the list')
  for (let sent = begun.tokens; sent < tokens.length;) {
    const part = tokens.slice(sent, sent + SELECTOR_VALUES_MAX)
    // What the authority holds counts, and not what was sent.
    sent = (await admin.appendSelection({ id, offset: sent, tokens: part })).tokens
    progress.update({ done: sent, total: tokens.length })
  }
  progress.stop()
  return id
}

/** Said under `-q` too: without it a list of a million lines has to be sent from the beginning. */
function say(kit: Kit, text: string): void {
  if (isForPrograms(kit.settings.output)) kit.warn(text)
  else kit.io.err(`${text}\n`)
}
