import type { CommandTable } from '#cli/command.ts'

/**
 * Every command there is. A row is enough for help and completion; the module behind it is loaded
 * when its command runs. A test compares each row with the command that it loads.
 */
export const commandTable: CommandTable = {
  nouns: {
    client: 'Register what may ask for tokens, and change or end that',
    'client key': 'Add and remove the keys that a client signs with',
    'client secret': 'Change the secret of a client',
    token: 'Issue, list, decode, verify and give back tokens',
    revocation: 'Plan, apply, prove, show and undo revocations',
    trust: 'Say which CI jobs may become which client, without a secret',
    key: 'List and rotate signing keys',
    verifier: 'Give resource servers access to the feed, and see how fresh each is',
    audit: 'List who did what',
    context: 'Name the authorities to work with',
    simulate: 'Run the whole system in virtual time, with wrong clocks and a bad network',
  },
  rows: [
    {
      path: ['init'],
      summary: 'Make an authority in one SQLite file',
      load: async () => (await import('./init.ts')).init,
    },
    {
      path: ['serve'],
      summary: 'Serve the authority over HTTP',
      load: async () => (await import('./serve.ts')).serve,
    },
    {
      path: ['quickstart'],
      summary: 'Show a credential’s whole life in a throw-away authority',
      load: async () => (await import('./quickstart.ts')).quickstart,
    },
    {
      path: ['client', 'create'],
      summary: 'Register a client',
      load: async () => (await import('./client/create.ts')).clientCreate,
    },
    {
      path: ['client', 'list'],
      summary: 'List clients',
      load: async () => (await import('./client/list.ts')).clientList,
    },
    {
      path: ['client', 'show'],
      summary: 'Show a client',
      load: async () => (await import('./client/show.ts')).clientShow,
    },
    {
      path: ['client', 'update'],
      summary: 'Change what a client may ask for',
      load: async () => (await import('./client/update.ts')).clientUpdate,
    },
    {
      path: ['client', 'disable'],
      summary: 'Stop issuing to a client and revoke what it holds',
      load: async () => (await import('./client/disable.ts')).clientDisable,
    },
    {
      path: ['client', 'enable'],
      summary: 'Issue to a disabled client again; what was revoked stays revoked',
      load: async () => (await import('./client/enable.ts')).clientEnable,
    },
    {
      path: ['client', 'delete'],
      summary: 'Remove a client and revoke what it holds',
      load: async () => (await import('./client/delete.ts')).clientDelete,
    },
    {
      path: ['client', 'key', 'add'],
      summary: 'Have a client sign with one more key',
      load: async () => (await import('./client/key/add.ts')).clientKeyAdd,
    },
    {
      path: ['client', 'key', 'remove'],
      summary: 'Take a key from a client',
      load: async () => (await import('./client/key/remove.ts')).clientKeyRemove,
    },
    {
      path: ['client', 'secret', 'rotate'],
      summary: 'Make a new secret for a client',
      load: async () => (await import('./client/secret/rotate.ts')).clientSecretRotate,
    },
    {
      path: ['token', 'issue'],
      summary: 'Issue a token',
      load: async () => (await import('./token/issue.ts')).tokenIssue,
    },
    {
      path: ['token', 'exec'],
      summary: 'Run a program with a token that lives as long as it does',
      load: async () => (await import('./token/exec.ts')).tokenExec,
    },
    {
      path: ['token', 'revoke-self'],
      summary: 'Give back a token that you hold, when you are done with it',
      load: async () => (await import('./token/revoke-self.ts')).tokenRevokeSelf,
    },
    {
      path: ['token', 'renew'],
      summary: 'Exchange a live token for one that lives longer, or may do less',
      load: async () => (await import('./token/renew.ts')).tokenRenew,
    },
    {
      path: ['token', 'list'],
      summary: 'List what was issued, the newest first; never the tokens themselves',
      load: async () => (await import('./token/list.ts')).tokenList,
    },
    {
      path: ['token', 'show'],
      summary: 'Show what is on record of a token',
      load: async () => (await import('./token/show.ts')).tokenShow,
    },
    {
      path: ['token', 'inspect'],
      summary: 'Decode a token on this machine, without checking it',
      load: async () => (await import('./token/inspect.ts')).tokenInspect,
    },
    {
      path: ['token', 'verify'],
      summary: 'Ask the authority to decide on a token',
      load: async () => (await import('./token/verify.ts')).tokenVerify,
    },
    {
      path: ['revoke'],
      summary: 'Revoke credentials: plan, confirm and apply in one go',
      load: async () => (await import('./revoke.ts')).revoke,
    },
    {
      path: ['revocation', 'plan'],
      summary: 'Say what a revocation would hit, for `revocation apply`; nothing is recorded',
      load: async () => (await import('./revocation/plan.ts')).revocationPlan,
    },
    {
      path: ['revocation', 'apply'],
      summary: 'Apply a plan of `revocation plan`, unless it no longer fits',
      load: async () => (await import('./revocation/apply.ts')).revocationApply,
    },
    {
      path: ['revocation', 'wait'],
      summary: 'Wait until a revocation is enforced, and get the certificate',
      load: async () => (await import('./revocation/wait.ts')).revocationWait,
    },
    {
      path: ['revocation', 'verify-certificate'],
      summary: 'Check a certificate of enforcement on this machine',
      load: async () =>
        (await import('./revocation/verify-certificate.ts')).revocationVerifyCertificate,
    },
    {
      path: ['revocation', 'list'],
      summary: 'List revocations, the newest first',
      load: async () => (await import('./revocation/list.ts')).revocationList,
    },
    {
      path: ['revocation', 'show'],
      summary: 'Show a revocation, and where its enforcement stands',
      load: async () => (await import('./revocation/show.ts')).revocationShow,
    },
    {
      path: ['revocation', 'lift'],
      summary: 'Undo a revocation; what another one matches stays revoked',
      load: async () => (await import('./revocation/lift.ts')).revocationLift,
    },
    {
      path: ['revocation', 'unblock'],
      summary: 'End the block of a revocation; what is revoked stays revoked',
      load: async () => (await import('./revocation/unblock.ts')).revocationUnblock,
    },
    {
      path: ['trust', 'create'],
      summary: 'Say whose identity tokens may be exchanged, and for what',
      load: async () => (await import('./trust/create.ts')).trustCreate,
    },
    {
      path: ['trust', 'list'],
      summary: 'List trusts',
      load: async () => (await import('./trust/list.ts')).trustList,
    },
    {
      path: ['trust', 'show'],
      summary: 'Show a trust',
      load: async () => (await import('./trust/show.ts')).trustShow,
    },
    {
      path: ['trust', 'update'],
      summary: 'Change a trust',
      load: async () => (await import('./trust/update.ts')).trustUpdate,
    },
    {
      path: ['trust', 'delete'],
      summary: 'Remove a trust and revoke what was issued under it',
      load: async () => (await import('./trust/delete.ts')).trustDelete,
    },
    {
      path: ['trust', 'test'],
      summary: 'Say how an identity token stands to a trust',
      load: async () => (await import('./trust/test.ts')).trustTest,
    },
    {
      path: ['verifier', 'create'],
      summary: 'Create the credential that a resource server follows the feed with',
      load: async () => (await import('./verifier/create.ts')).verifierCreate,
    },
    {
      path: ['verifier', 'list'],
      summary: 'List the verifiers, and how fresh each is',
      load: async () => (await import('./verifier/list.ts')).verifierList,
    },
    {
      path: ['verifier', 'show'],
      summary: 'Show a verifier',
      load: async () => (await import('./verifier/show.ts')).verifierShow,
    },
    {
      path: ['verifier', 'remove'],
      summary: 'Take a verifier’s credential away',
      load: async () => (await import('./verifier/remove.ts')).verifierRemove,
    },
    {
      path: ['key', 'list'],
      summary: 'List signing keys',
      load: async () => (await import('./key/list.ts')).keyList,
    },
    {
      path: ['key', 'show'],
      summary: 'Show a signing key',
      load: async () => (await import('./key/show.ts')).keyShow,
    },
    {
      path: ['key', 'rotate'],
      summary: 'Sign with a new key; the old one stays published as long as tokens need it',
      load: async () => (await import('./key/rotate.ts')).keyRotate,
    },
    {
      path: ['audit', 'list'],
      summary: 'List audit entries, the newest first',
      load: async () => (await import('./audit/list.ts')).auditList,
    },
    {
      path: ['context', 'list'],
      summary: 'List contexts',
      load: async () => (await import('./context/list.ts')).contextList,
    },
    {
      path: ['context', 'add'],
      summary: 'Name an authority',
      load: async () => (await import('./context/add.ts')).contextAdd,
    },
    {
      path: ['context', 'use'],
      summary: 'Work with the authority of a context from now on',
      load: async () => (await import('./context/use.ts')).contextUse,
    },
    {
      path: ['context', 'show'],
      summary: 'Show a context, or the one in use',
      load: async () => (await import('./context/show.ts')).contextShow,
    },
    {
      path: ['context', 'remove'],
      summary: 'Forget a context; its authority is not touched',
      load: async () => (await import('./context/remove.ts')).contextRemove,
    },
    {
      path: ['backup'],
      summary: 'Copy the database into a file, while it is in use',
      load: async () => (await import('./backup.ts')).backup,
    },
    {
      path: ['restore'],
      summary: 'Put a backup in the place of the database, under a new epoch',
      load: async () => (await import('./restore.ts')).restore,
    },
    {
      path: ['simulate', 'run'],
      summary: 'Run the production code through virtual time, wrong clocks and a bad network',
      load: async () => (await import('./simulate/run.ts')).simulateRun,
    },
    {
      path: ['simulate', 'replay'],
      summary: 'Run one simulated world once more, by its seed',
      load: async () => (await import('./simulate/replay.ts')).simulateReplay,
    },
    {
      path: ['simulate', 'list'],
      summary: 'List the scenarios that can be simulated',
      load: async () => (await import('./simulate/list.ts')).simulateList,
    },
    {
      path: ['completion'],
      summary: 'Print the completion script of a shell',
      load: async () => (await import('./completion.ts')).completion,
    },
  ],
}
