import { defineCommand } from '#cli/command.ts'
import { credentialShape } from '#cli/commands/shapes.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { refuse } from '#kernel/problem.ts'

/** `credctl token show`: what is on record of one token. */
export const tokenShow = defineCommand({
  path: ['token', 'show'],
  summary: 'Show what is on record of a token',
  description: [
    'It takes the id that `token issue` and `token list` print, never the token itself: `token inspect` takes one apart.',
  ],
  args: {
    id: text('The id of a token', {
      required: true,
      placeholder: 'ID',
      complete: 'credential',
      secret: true,
    }),
  },
  flags: {},
  examples: [
    {
      run: 'credctl token show cred_01j9',
      about: 'For whom, until when, and whether it still holds',
    },
    { run: 'credctl token show cred_01j9 -o json | jq -r .state', about: 'Its state alone' },
  ],
  output: [credentialShape],
  exits: { 3: 'there is no such token on record' },
  seeAlso: ['token list', 'token inspect', 'revoke'],

  async run(kit, { id }) {
    mustBeAnId(id)
    const { showCredential } = await kit.admin()
    const credential = await showCredential({ id })
    await kit.show(record(credentialShape, credential))
    const { state, revocationId } = credential
    if (revocationId !== undefined) kit.hint(`why: credctl revocation show ${revocationId}`)
    else if (state === 'active') {
      kit.hint(`to revoke it: credctl revoke --token ${credential.id} --reason superseded`)
    }
    return {}
  },
})

/** What may be a secret is neither repeated nor sent: paths of requests stand in logs on the way. */
function mustBeAnId(id: string): void {
  if (/^cred_[0-9a-z]{1,40}$/.test(id)) return
  if (id.includes('.')) {
    refuse('usage-invalid', 'ID: that is not the id of a token; it may be a token itself', {
      next: 'the id is the claim jti: credctl token inspect -',
    })
  }
  refuse('credential-unknown', 'no credential of that id is on record', {
    next: 'credctl token list',
  })
}
