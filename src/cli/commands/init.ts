import { defineCommand } from '#cli/command.ts'
import { text } from '#cli/flags.ts'
import { record, shape } from '#cli/view.ts'

interface Initialised {
  readonly issuer: string
  readonly dataDir: string
  readonly keyId: string
}

const initialisedShape = shape<Initialised>({
  kind: 'authority',
  id: ({ issuer }) => issuer,
  columns: [
    { key: 'issuer', keep: true },
    { key: 'dataDir', title: 'Data folder', keep: true },
    { key: 'keyId', title: 'Signing key', keep: true },
  ],
})

/** `credctl init`: makes an authority in one folder. */
export const init = defineCommand({
  path: ['init'],
  summary: 'Make an authority in one SQLite file',
  description: [
    'Makes the data folder (mode 0700), its database, its key-encryption key and the first signing key. Every other command then works without a server.',
    'The issuer is the name that every token carries (claim iss). It is fixed for good: an http or https URL without query and fragment, and https unless it is loopback.',
  ],
  args: {},
  flags: {
    issuer: text('The URL that names this authority; http://127.0.0.1:7420 unless given', {
      placeholder: 'URL',
    }),
  },
  examples: [
    { run: 'credctl init', about: 'Try it on this machine' },
    { run: 'credctl init --issuer https://auth.example.com', about: 'For others to verify' },
  ],
  output: [initialisedShape],
  exits: { 8: 'there is an authority already' },
  seeAlso: ['serve', 'client create', 'token issue'],

  async run(kit, { issuer }) {
    const local = await kit.local()
    const made = await local.init({ issuer })
    await kit.show(
      record(initialisedShape, made, { headline: [`Made the authority ${made.issuer}.`] }),
    )
    kit.hint('next: credctl client create deploy-bot --scope deploy:prod')
    kit.hint('then: credctl token issue --client deploy-bot --scope deploy:prod --ttl 10m')
    return {}
  },
})
