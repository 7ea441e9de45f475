import { defineCommand } from '#cli/command.ts'
import { oneOf, text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import { record } from '#cli/view.ts'
import { trustForms } from '#contract/words.ts'
import { trustFlags, trustOf } from './flags.ts'
import { writtenTrustShape } from './shape.ts'

/** `credctl trust create`: lets jobs of a CI system become a client, without a secret. */
export const trustCreate = defineCommand({
  path: ['trust', 'create'],
  summary: 'Say whose identity tokens may be exchanged, and for what',
  description: [
    'A job proves what it is by an identity token of its CI system, and exchanges it for a token of the client named here. Every claim must be exactly as it is given; a condition in CEL narrows further.',
    'At least one claim must be an id that never changes hands, such as repository_id: a name can be given up, and who takes it next would get in. A trust that can never match, or binds no such id, is refused.',
    'With --mode audit nothing is issued yet: each try is recorded with what it would have got. credctl trust test runs the same evaluation on a token at hand.',
  ],
  args: { id: text('Its name', { required: true, placeholder: 'ID' }) },
  flags: {
    form: oneOf(trustForms, 'Whose tokens they are', { initial: 'oidc' }),
    client: text('The client whose tokens are issued', {
      required: true,
      placeholder: 'ID',
      complete: 'client',
      ask: askClient,
    }),
    ...trustFlags,
  },
  examples: [
    {
      run: 'credctl trust create deploys --form github-actions --client deploy-bot --scope deploy:prod --claim repository_id=4711 --claim ref=refs/heads/main',
      about: 'Jobs of one GitHub repository, on one branch',
    },
    {
      run: 'credctl trust create gl --form gitlab --client deploy-bot --scope deploy:prod --claim job_project_id=42 --claim ref_protected=true',
      about: 'Jobs of one GitLab project, on protected branches and tags',
    },
    {
      run: `credctl trust create night --form buildkite --client deploy-bot --scope 'deploy:*' --claim pipeline_id=018e --when 'trust.claims.build_source == "schedule"' --mode audit`,
      about: 'Scheduled Buildkite builds, tried out first',
    },
  ],
  output: [writtenTrustShape],
  exits: {
    3: 'there is no such client',
    5: 'it could never match, binds no lasting id, or gives more than its client may have',
    8: 'a trust of that name exists',
  },
  seeAlso: ['trust test', 'trust list', 'token issue'],

  async run(kit, { id, form, client, ...given }) {
    const { createTrust } = await kit.admin()
    const { claims = {}, scopes = [], ...rest } = await trustOf(kit, given)
    const written = await createTrust({ id, form, clientId: client, claims, scopes, ...rest })
    await kit.show(
      record(writtenTrustShape, written, { headline: [`Recorded trust ${written.trust.id}.`] }),
    )
    for (const warning of written.warnings) kit.warn(warning)
    kit.hint(`try it on a real token: credctl trust test ${id} --token -`)
    return {}
  },
})
