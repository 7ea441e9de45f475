/**
 * The closed lists of words that cross a wire, without zod: the command line offers and completes
 * them, and its start-up must not pay for schemas that it never runs.
 */
export { authMethods, clientStates, tiers } from '#domain/client/client.ts'
export { credentialStates } from '#domain/credential/credential.ts'
export { verifierModes } from '#domain/feed/head.ts'
export { keyPurposes, keyStates } from '#domain/keys/key.ts'
export { verifierStates } from '#domain/proof/verifier-state.ts'
export { reaches, reasons, revocationStates } from '#domain/revocation/revocation.ts'
export { trustForms, trustModes } from '#domain/trust/trust.ts'
