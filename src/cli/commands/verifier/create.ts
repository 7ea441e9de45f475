import { defineCommand } from '#cli/command.ts'
import { many, oneOf, text } from '#cli/flags.ts'
import type { Kit } from '#cli/kit.ts'
import { record } from '#cli/view.ts'
import { verifierModes } from '#contract/words.ts'
import { createdVerifierShape } from './shape.ts'

/** `credctl verifier create`: the credential that a resource server follows the feed with. */
export const verifierCreate = defineCommand({
  path: ['verifier', 'create'],
  summary: 'Create the credential that a resource server follows the feed with',
  description: [
    'The secret is printed once, and only a keyed hash of it is kept. Give it to `createVerifier({ credential })` of credctl/verifier; several processes of one server may share it. On loopback none is needed.',
    'The mode is how old the newest word of the authority may be that a verifier still decides by: strict 10 s, standard 30 s, relaxed 300 s, unless policy sets others. A verifier may be stricter by itself, and never laxer than policy allows.',
  ],
  args: { name: text('What it is called, for people', { required: true, placeholder: 'NAME' }) },
  flags: {
    audience: many('An audience that it may decide for; by default any', {
      placeholder: 'AUDIENCE',
    }),
    mode: oneOf(verifierModes, 'How old the newest word of the authority may be', {
      initial: 'standard',
    }),
  },
  examples: [
    {
      run: 'credctl verifier create api --audience https://api.example',
      about: 'For the resource server of an audience',
    },
    {
      run: 'credctl verifier create api -o json | jq -r .credential > api.credential',
      about: 'Put the secret where it belongs',
    },
  ],
  output: [createdVerifierShape],
  exits: { 8: 'there is a verifier of that name' },
  seeAlso: ['verifier list', 'verifier remove'],

  async run(kit, { name, audience, mode }) {
    const { createVerifier } = await kit.admin()
    const created = await createVerifier({ name, audiences: [...audience], mode })
    const { verifier, credential } = created
    await kit.show(
      record(createdVerifierShape, created, { headline: [`Created verifier ${verifier.name}.`] }),
    )
    await showCredential(kit, credential, verifier.name)
    kit.hint('next: createVerifier({ issuer, audience, credential }) of credctl/verifier')
    return {}
  },
})

/** A person is shown it where it can be copied; whoever asked for less is told that it is lost. */
async function showCredential(kit: Kit, credential: string, name: string): Promise<void> {
  const { output, isQuiet, fields } = kit.settings
  const isPrinted = fields === undefined || fields.includes('credential')
  if (!isQuiet && isPrinted && output !== 'name') {
    if (fields !== undefined || !['table', 'wide'].includes(output)) return
    await kit.io.out(
      `\nIts credential is shown this once, and only a keyed hash of it is kept:\n\n${credential}\n\n`,
    )
    return
  }
  kit.warn(
    `the credential of ${name} was not printed, and it is not kept; to have one: credctl verifier remove ${name}, then create it again with -o json`,
  )
}
